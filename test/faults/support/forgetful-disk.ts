/** A disk that lies about fsync: after a power cut, what it was given last is gone, though it was reported written. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LOOK_EVERY_MS = 50;
/** No test asks for more. */
const REMEMBER_MS = 1200;

type Files = readonly (readonly [path: string, bytes: Buffer])[];

export class ForgetfulDisk {
  readonly #folder: string;
  #pictures: { atMs: number; files: Files }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** While the store is open in this process: between two of its calls the files are as a crash would leave them. */
  watch(): void {
    this.#pictures = [];
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  unwatch(): void {
    clearInterval(this.#timer);
  }

  /** What the disk held `agoMs` ago (at most since `watch`) is on it again. After the store was closed. */
  forget(agoMs: number): void {
    const until = performance.now() - agoMs;
    const picture = this.#pictures.findLast(({ atMs }) => atMs <= until) ?? this.#pictures[0];
    // In place, or the store would take it for a restored copy.
    for (const [path, bytes] of picture?.files ?? []) writeFileSync(path, bytes);
  }

  #look(): void {
    const atMs = performance.now();
    const entries = readdirSync(this.#folder, { withFileTypes: true }).filter((entry) => entry.isFile());
    const files = entries.map(({ name }) => join(this.#folder, name));
    this.#pictures.push({ atMs, files: files.map((file) => [file, readFileSync(file)] as const) });
    this.#pictures = this.#pictures.filter((picture) => picture.atMs > atMs - REMEMBER_MS);
  }
}
