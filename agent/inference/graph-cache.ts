/**
 * Optimised graphs, kept on disk for the next start: `<model sha256>-<key>.onnx`, and beside it `.sha256`, its hash.
 * What is asked of it was read and verified before; whatever is wrong here costs time, never an answer.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../made-folder.ts';

const MAX_GRAPHS = 8;
/** What a process left behind that died while it wrote: no other needs this long. */
const UNFINISHED_MS = 3_600_000;
const UNFINISHED = '.unfinished-';

/** The bytes of a graph, and how its session is to be made. */
export interface GraphSource {
  readonly bytes: Buffer;
  /** Nothing is left to optimise. */
  readonly isOptimised: boolean;
  /** The session writes its optimised graph there. */
  readonly saveTo?: string;
}

export interface Opened<T> {
  readonly opened: T;
  readonly from: 'cache' | 'model';
  /** For people: what was wrong with the cache. */
  readonly problem?: string;
}

export class GraphCache {
  readonly #folder: string;
  readonly #key: string;

  /** @param key of what the graphs were optimised by and for: `graphKey` */
  constructor(folder: string, key: string) {
    this.#folder = folder;
    this.#key = key;
  }

  /**
   * Opens a model by its kept graph; without a good one by its own bytes, and keeps what they were optimised to.
   * @param model its bytes, verified, and their sha256
   * @param open makes a session and tries it; called anew with another source when it fails
   * @throws what `open` throws for the model's own bytes
   */
  async open<T>(
    model: { readonly bytes: Buffer; readonly sha256: string },
    open: (source: GraphSource) => Promise<T>,
  ): Promise<Opened<T>> {
    const path = join(this.#folder, `${model.sha256}-${this.#key}.onnx`);
    const problems: string[] = [];
    try {
      const bytes = keptGraph(path);
      if (bytes) return { opened: await open({ bytes, isOptimised: true }), from: 'cache' };
    } catch (error) {
      problems.push(String(error));
    }
    const unfinished = `${path}${UNFINISHED}${process.pid}`;
    try {
      makeFolder(this.#folder);
      const opened = await open({ bytes: model.bytes, isOptimised: false, saveTo: unfinished });
      return { opened, from: 'model', ...problemOf([...problems, ...this.#keep(unfinished, path)]) };
    } catch (error) {
      // The disk or the model: without the disk it shows.
      problems.push(String(error));
      removeQuietly(unfinished);
    }
    const opened = await open({ bytes: model.bytes, isOptimised: false });
    return { opened, from: 'model', ...problemOf(problems) };
  }

  /** @returns what went wrong */
  #keep(unfinished: string, path: string): string[] {
    try {
      // Without its hash the graph counts for nothing, so a cut at any point leaves none or a good one.
      rmSync(hashPath(path), { force: true });
      const hash = sha256Of(readFileSync(unfinished));
      moveDurably(unfinished, path);
      const unfinishedHash = `${hashPath(path)}${UNFINISHED}${process.pid}`;
      writeFileSync(unfinishedHash, hash);
      moveDurably(unfinishedHash, hashPath(path));
      this.#prune();
      return [];
    } catch (error) {
      removeQuietly(unfinished);
      return [String(error)];
    }
  }

  /** The graphs used last stay, and their hashes. */
  #prune(): void {
    const files = readdirSync(this.#folder).map((name) => {
      const path = join(this.#folder, name);
      return { path, usedMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 };
    });
    const graphs = files.filter(({ path }) => path.endsWith('.onnx')).sort((a, b) => b.usedMs - a.usedMs);
    for (const { path } of graphs.slice(MAX_GRAPHS)) {
      rmSync(hashPath(path), { force: true });
      rmSync(path, { force: true });
    }
    const oldMs = Date.now() - UNFINISHED_MS;
    for (const { path, usedMs } of files) {
      if (path.includes(UNFINISHED) && usedMs < oldMs) rmSync(path, { force: true });
    }
  }
}

/** Another build of ONNX Runtime, another processor or other options may optimise otherwise. @returns 16 hex digits */
export function graphKey(runtimeVersion: string, options: Readonly<Record<string, unknown>>): string {
  const parts = [runtimeVersion, arch(), cpus()[0]?.model, processorFeatures(), options];
  return sha256Of(JSON.stringify(parts)).slice(0, 16);
}

/** One model of virtual processor has these or those; on ARM the model has often no name. Empty where it is not told. */
function processorFeatures(): string {
  try {
    return /^(flags|Features)\s*:.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '';
  } catch {
    return '';
  }
}

/** @returns undefined where there is none. @throws Error for one that is not what was kept */
function keptGraph(path: string): Buffer | undefined {
  if (!statSync(path, { throwIfNoEntry: false })) return undefined;
  const bytes = readFileSync(path);
  if (sha256Of(bytes) !== readFileSync(hashPath(path), 'utf8')) {
    throw new Error(`${path} is not the graph that was kept`);
  }
  touchQuietly(path);
  return bytes;
}

function hashPath(path: string): string {
  return path.replace(/\.onnx$/, '.sha256');
}

function moveDurably(from: string, to: string): void {
  const fd = openSync(from, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(from, to);
}

function sha256Of(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function problemOf(problems: readonly string[]): { problem?: string } {
  return problems.length > 0 ? { problem: problems.join('; ').slice(0, 300) } : {};
}

function touchQuietly(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // A folder that cannot be written keeps what it has.
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The next prune takes it.
  }
}
