/**
 * How far a batch run has come: written beside the output after each durable part, so that a run that was killed goes on
 * there. It names what the run was about, since parts of two different runs must never make one file.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { codeOf } from '../../protocol/errors.ts';
import { cliError } from '../errors.ts';
import { versionOf } from '../project.ts';
import { imageFacts } from './image-blocks.ts';
import type { BatchPlan } from './plan.ts';

const HEAD_BYTES = 1024 * 1024;

const countsSchema = z.object({
  rows: z.int().min(0),
  predicted: z.int().min(0),
  notDue: z.int().min(0),
  rejected: z.record(z.string(), z.int().min(0)),
});

const journalSchema = z.object({
  /** What the run is about, by name: `input size`, `model`, … */
  about: z.record(z.string(), z.string()),
  /** Process that writes it. */
  pid: z.int(),
  /** `whole`: all is written, and only the files' names are still to be changed. */
  state: z.enum(['running', 'whole']),
  /** Bytes of a text file, rows of a Parquet one. */
  inputAt: z.int().min(0),
  /** Number of the next row, from 1. */
  nextRow: z.int().min(1),
  /** Index of what the last predicted row was called. */
  lastLabel: z.int().min(0),
  outputBytes: z.int().min(0),
  rejectedBytes: z.int().min(0),
  /** What a Parquet file says of its row groups at its end, as text. */
  rowGroups: z.string(),
  counts: countsSchema,
});

export type JournalEntry = z.infer<typeof journalSchema>;

export class Journal {
  readonly path: string;

  constructor(outputPath: string) {
    this.path = `${outputPath}.journal`;
  }

  /**
   * @returns null when there is none
   * @throws CodedError BATCH_CHANGED when it is of another run, or of one that still works
   */
  read(about: JournalEntry['about']): JournalEntry | null {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
    const entry = this.#parse(text);
    if (entry.pid !== process.pid && isBatchRun(entry.pid)) {
      throw cliError('BATCH_RUNNING', `Another run (process ${entry.pid}) writes this output.`, {
        hint: 'Let it end, or name another --output.',
      });
    }
    const changed = Object.keys({ ...entry.about, ...about }).filter(
      (what) => entry.about[what] !== about[what],
    );
    if (changed.length === 0) return entry;
    throw cliError('BATCH_CHANGED', `A run that was begun here had another ${changed.join(', another ')}.`, {
      hint: 'Give the same arguments to go on with it, or --restart to begin anew.',
    });
  }

  /** Durable when it returns. */
  write(entry: JournalEntry): void {
    writeFileSync(`${this.path}.new`, JSON.stringify(entry), { flush: true });
    renameSync(`${this.path}.new`, this.path);
    syncFolder(this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
    rmSync(`${this.path}.new`, { force: true });
  }

  #parse(text: string): JournalEntry {
    try {
      return journalSchema.parse(JSON.parse(text));
    } catch (cause) {
      throw cliError('BATCH_CHANGED', `${this.path} is no journal of this version.`, {
        hint: 'Begin anew with --restart.',
        cause,
      });
    }
  }
}

/** A new name in a folder is durable once the folder is. */
export function syncFolder(path: string): void {
  const folder = openSync(dirname(resolve(path)), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** All that decides about the bytes of the output. */
export function aboutRun(plan: BatchPlan): JournalEntry['about'] {
  const isFolder = plan.input.format === 'images';
  // A folder changes with every file that is written to it, also with an output of ours.
  const { size, mtimeMs } = isFolder ? { size: 0, mtimeMs: 0 } : statSync(plan.input.path);
  return {
    'version of andon': versionOf(),
    model: plan.model.manifestSha256,
    'input path': resolve(plan.input.path),
    'input size': String(size),
    'input time': String(mtimeMs),
    'input content': isFolder ? hashOf(imageFacts(plan.input.path)) : headHash(plan.input.path),
    'input format': JSON.stringify([plan.input.format, plan.input.delimiter]),
    '--key': plan.input.key ?? '',
    '--columns': JSON.stringify(Object.entries(plan.input.columns).sort()),
    '--keep': JSON.stringify(plan.output.keep),
    '--outputs': plan.output.allOutputs ? 'all' : 'decision',
    '--batch': String(plan.batchRows),
  };
}

function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function headHash(path: string): string {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const bytes = readSync(file, head, 0, HEAD_BYTES, 0);
    return hashOf(head.subarray(0, bytes));
  } finally {
    closeSync(file);
  }
}

/** A process id alone may belong to anybody by now. Where there is no /proc, nobody is taken to be there. */
function isBatchRun(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('batch');
  } catch {
    return false;
  }
}
