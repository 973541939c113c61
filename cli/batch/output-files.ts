/**
 * The output and the rejected rows of a run: files that grow under another name, and get their own when they are whole. After
 * a kill they are cut back to the last durable part.
 */
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '../../protocol/errors.ts';
import { cliError } from '../errors.ts';
import { createEncoder } from './create-encoder.ts';
import { Journal, type JournalEntry, syncFolder } from './journal.ts';
import type { OutputEncoder } from './output-encoder.ts';
import type { OpenPlan } from './plan.ts';
import { type Answer, addCounts, NO_ROWS } from './worker-messages.ts';

const PART_MS = 500;

export class OutputFiles {
  readonly #plan: OpenPlan;
  readonly #journal: Journal;
  #encoder: OutputEncoder;
  #output: FileHandle | undefined;
  #rejected: FileHandle | undefined;
  #entry: JournalEntry;
  #lastPartMs = 0;

  private constructor(plan: OpenPlan, journal: Journal, entry: JournalEntry, encoder: OutputEncoder) {
    this.#plan = plan;
    this.#journal = journal;
    this.#entry = entry;
    this.#encoder = encoder;
  }

  /**
   * Goes on with what an earlier run left, or begins.
   * @throws CodedError BATCH_CHANGED, BATCH_RUNNING, OUTPUT_EXISTS
   */
  static async open(plan: OpenPlan, about: JournalEntry['about'], restart: boolean): Promise<OutputFiles> {
    const { path } = plan.output;
    const journal = new Journal(path);
    if (restart) journal.remove();
    const before = journal.read(about);
    if (!before && !restart) refuseExisting(path);
    const entry: JournalEntry = before
      ? { ...before, pid: process.pid }
      : {
          about,
          pid: process.pid,
          state: 'running',
          inputAt: 0,
          nextRow: 1,
          lastLabel: 0,
          outputBytes: 0,
          rejectedBytes: 0,
          rowGroups: '[]',
          counts: NO_ROWS,
        };
    const resumed = before && { memory: entry.rowGroups, bytes: entry.outputBytes };
    const files = new OutputFiles(plan, journal, entry, createEncoder(plan, resumed));
    if (entry.state === 'running') await files.#start(before === null);
    return files;
  }

  /** Where the input is gone on with, and what was counted up to there. */
  get progress(): Pick<JournalEntry, 'inputAt' | 'nextRow' | 'lastLabel' | 'counts' | 'state'> {
    return this.#entry;
  }

  /** @param inputAt where the input goes on after this answer */
  async add(answer: Answer, inputAt: number, nowMs: number): Promise<void> {
    const bytes = this.#encoder.add(answer.output);
    await this.#append(bytes, Buffer.from(answer.rejected));
    this.#entry = {
      ...this.#entry,
      inputAt,
      nextRow: this.#entry.nextRow + answer.counts.rows,
      lastLabel: answer.lastLabel,
      counts: addCounts(this.#entry.counts, answer.counts),
    };
    if (nowMs - this.#lastPartMs < PART_MS || !this.#encoder.isEven()) return;
    this.#lastPartMs = nowMs;
    await this.#endPart();
  }

  /** Gives the files their names. */
  async finish(): Promise<void> {
    if (this.#entry.state === 'running') {
      await this.#append(this.#encoder.end(), Buffer.alloc(0));
      this.#entry = { ...this.#entry, state: 'whole' };
      await this.#endPart();
      await this.close();
    }
    const { path } = this.#plan.output;
    const rejected = rejectedPath(path);
    // A kill between these steps is gone on from: each can be done twice.
    if (this.#entry.rejectedBytes > 0) renameIfThere(partial(rejected), rejected);
    else for (const each of [partial(rejected), rejected]) rmSync(each, { force: true });
    renameIfThere(partial(path), path);
    syncFolder(path);
    this.#journal.remove();
  }

  async close(): Promise<void> {
    await this.#output?.close();
    await this.#rejected?.close();
    this.#output = this.#rejected = undefined;
  }

  async #start(fresh: boolean): Promise<void> {
    const { path } = this.#plan.output;
    this.#output = await openAt(partial(path), this.#entry.outputBytes, fresh);
    this.#rejected = await openAt(partial(rejectedPath(path)), this.#entry.rejectedBytes, fresh);
    if (fresh) {
      await this.#append(this.#encoder.begin(), Buffer.alloc(0));
      this.#entry = { ...this.#entry, rowGroups: this.#encoder.memory() || '[]' };
    }
    await this.#endPart();
  }

  async #append(output: Uint8Array, rejected: Uint8Array): Promise<void> {
    if (output.length > 0) await this.#output?.appendFile(output);
    if (rejected.length > 0) await this.#rejected?.appendFile(rejected);
    const { outputBytes, rejectedBytes } = this.#entry;
    this.#entry = {
      ...this.#entry,
      outputBytes: outputBytes + output.length,
      rejectedBytes: rejectedBytes + rejected.length,
    };
  }

  /** First the data, then the word that they are there. */
  async #endPart(): Promise<void> {
    await this.#output?.datasync();
    await this.#rejected?.datasync();
    this.#entry = { ...this.#entry, rowGroups: this.#encoder.memory() };
    this.#journal.write(this.#entry);
  }
}

/** `out.csv` -> `out.rejected.ndjson` */
export function rejectedPath(outputPath: string): string {
  return `${outputPath.replace(/\.[^./\\]+$/, '')}.rejected.ndjson`;
}

function partial(path: string): string {
  return `${path}.partial`;
}

async function openAt(path: string, bytes: number, fresh: boolean): Promise<FileHandle> {
  if (!fresh && sizeOf(path) < bytes) {
    throw cliError('BATCH_CHANGED', `${path} is shorter than its journal says.`, {
      hint: 'Begin anew with --restart.',
    });
  }
  const file = await open(path, 'a');
  await file.truncate(bytes);
  return file;
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : -1;
}

function refuseExisting(path: string): void {
  if (!existsSync(path)) return;
  throw cliError('OUTPUT_EXISTS', `${path} is there already.`, {
    hint: 'Name another --output, or replace it with --restart.',
  });
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
