/** The rows of one block of the input, on their way to the model: what can be predicted, and what cannot with its reason. */
import type { Manifest } from '../../protocol/manifest.ts';

export type Kept = string | number | null;

export interface Rejected {
  /** Place in the block, from 0. */
  readonly row: number;
  readonly key: string | null;
  readonly code: string;
  readonly reason: string;
}

const FIRST_CAPACITY = 1024;

export class BlockRows {
  /** All rows that were read, whatever came of them. */
  count = 0;
  /** Rows that only filled a window. */
  notDue = 0;
  /** Of each row that is to be predicted: its place in the block, from 0. */
  readonly places: number[] = [];
  readonly keys: (string | null)[] = [];
  /** As many values a row as columns are kept. */
  readonly kept: Kept[] = [];
  readonly rejected: Rejected[] = [];
  /** In place of values: an encoded picture a row. */
  readonly images: Uint8Array[] = [];
  /** Values of a row of the model's input. */
  readonly width: number;
  #data: Float32Array | Uint8Array;

  constructor(input: Manifest['input'], width: number) {
    this.width = width;
    const length = width * FIRST_CAPACITY;
    const isBytes = input.kind === 'tensor' && input.dtype === 'uint8';
    this.#data = isBytes ? new Uint8Array(length) : new Float32Array(length);
  }

  /** Where the next row's values go, from index `places.length * width`. */
  room(): Float32Array | Uint8Array {
    if ((this.places.length + 1) * this.width > this.#data.length) {
      const length = 2 * this.#data.length;
      const larger = this.#data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
      larger.set(this.#data);
      this.#data = larger;
    }
    return this.#data;
  }

  /** The values that were written to `room` are a row; its kept values were pushed already. */
  accept(key: string | null): void {
    this.places.push(this.count);
    this.keys.push(key);
    this.count += 1;
  }

  skip(): void {
    this.notDue += 1;
    this.count += 1;
  }

  reject(key: string | null, code: string, reason: string): void {
    this.rejected.push({ row: this.count, key, code, reason });
    this.count += 1;
  }

  /** Row-major values of the rows from `first`. */
  values(first: number, rows: number): Float32Array | Uint8Array {
    return this.#data.subarray(first * this.width, (first + rows) * this.width);
  }
}
