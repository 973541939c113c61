/** Outputs of rows that a model has seen before, byte for byte the same; the row that was not asked for longest goes first. */
import { hash } from 'node:crypto';

/** Of an entry beside its output: key, map slot, object headers. */
const ENTRY_BYTES = 250;

export class OutputCache {
  readonly #maxBytes: number;
  /** By model and row; the one used last at the end. */
  readonly #entries = new Map<string, Float32Array>();
  #bytes = 0;
  #evictions = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** About what it holds of the memory. Never more than it may. */
  get bytes(): number {
    return this.#bytes;
  }

  get evictions(): number {
    return this.#evictions;
  }

  get(key: string): Float32Array | undefined {
    const output = this.#entries.get(key);
    if (output === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, output);
    return output;
  }

  /** @param output copied */
  set(key: string, output: Float32Array): void {
    const bytes = sizeOf(output);
    if (bytes > this.#maxBytes) return;
    this.#remove(key);
    this.#entries.set(key, output.slice());
    this.#bytes += bytes;
    for (const [oldest] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest);
      this.#evictions += 1;
    }
  }

  #remove(key: string): void {
    const output = this.#entries.get(key);
    if (output === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= sizeOf(output);
  }
}

/** Two rows with one key are the same row: nobody finds two inputs of the same sha256. */
export function cacheKey(model: string, row: Float32Array | Uint8Array): string {
  const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
  return `${hash('sha256', bytes, 'binary')}${model}`;
}

function sizeOf(output: Float32Array): number {
  return output.byteLength + ENTRY_BYTES;
}
