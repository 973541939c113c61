/** The rows of one block of the input, on their way to the model: what can be predicted, and what cannot with its reason. */
import type { BatchData } from '../../agent/inference/engine.ts';
import type { NamedTensor } from '../../agent/inference/tensor.ts';
import type { Rows } from '../../agent/pipeline/sample-validator.ts';
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
  /** In place of values: the named tensors of a row. */
  readonly tensors: (readonly NamedTensor[])[] = [];
  /** Values of a row of the model's input. */
  readonly width: number;
  readonly #kind: Manifest['input']['kind'];
  #data: Float32Array | Uint8Array;

  constructor(input: Manifest['input'], width: number) {
    this.width = width;
    this.#kind = input.kind;
    const length = width * FIRST_CAPACITY;
    const isBytes = input.kind === 'tensor' && input.dtype === 'uint8';
    this.#data = isBytes ? new Uint8Array(length) : new Float32Array(length);
  }

  /** Where the next row's values go, from index `places.length * width`. */
  room(): Rows {
    if (this.#kind === 'tensors') return this.tensors;
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

  /** Of the rows from `first`, as the engine takes them. */
  data(first: number, rows: number): BatchData {
    if (this.#kind === 'image') return this.images.slice(first, first + rows);
    if (this.#kind === 'tensors') return this.tensors.slice(first, first + rows);
    return this.#data.subarray(first * this.width, (first + rows) * this.width);
  }
}
