/** Reads queued samples as rows of one model's input, windows included. */
import type { Manifest } from '../../protocol/manifest.ts';
import type { Item } from './lane-item.ts';
import { type RowReader, type Rows, rowReader } from './sample-validator.ts';
import { isDue, Windower } from './windower.ts';

export type Reading = 'row' | 'not-due' | { readonly reason: string };

export class InputReader {
  readonly #input: Manifest['input'];
  readonly #rows: RowReader;
  readonly #windowers: Map<string, Windower>;
  readonly #value = new Float32Array(1);
  /** Equal for two models that read the same rows from the same samples. */
  readonly signature: string;

  /** @param windowers of the lane, by feature: a new model goes on with the values that an older one has seen */
  constructor(input: Manifest['input'], windowers: Map<string, Windower>) {
    this.#input = input;
    this.#rows = rowReader(input);
    this.#windowers = windowers;
    this.signature = JSON.stringify({ ...input, tensor: '' });
  }

  /** Values of a row. */
  get width(): number {
    return this.#input.kind === 'window' ? this.#input.length : this.#rows.width;
  }

  allocate(rows: number): Rows {
    const length = rows * this.width;
    if (this.#input.kind === 'image' || this.#input.kind === 'tensors') return new Array(length);
    const isBytes = this.#input.kind === 'tensor' && this.#input.dtype === 'uint8';
    return isBytes ? new Uint8Array(length) : new Float32Array(length);
  }

  /** Writes the item's row from index `at`, if it makes one. */
  read(item: Item, into: Rows, at: number): Reading {
    const input = this.#input;
    if (item.row) return this.#readGiven(item.row, into, at);
    if (input.kind !== 'window') {
      const reason = this.#rows.read(item.sample, into, at);
      return reason === null ? 'row' : { reason };
    }
    const reason = this.#rows.read(item.sample, this.#value, 0);
    if (reason !== null) return { reason };
    const feature = input.features[0]?.name ?? '';
    const windower = this.#windowers.get(feature) ?? new Windower();
    this.#windowers.set(feature, windower);
    const place = item.places?.get(feature) ?? windower.push(this.#value[0] as number);
    item.places ??= new Map();
    item.places.set(feature, place);
    if (!isDue(input, place)) return 'not-due';
    windower.copy(place, input.length, into as Float32Array, at);
    return 'row';
  }

  /** A row that a caller made for the model itself. */
  #readGiven(row: Float32Array | Uint8Array, into: Rows, at: number): Reading {
    if (Array.isArray(into)) return { reason: 'the model does not take its samples as rows of one tensor' };
    if (row.length !== this.width) {
      return { reason: `a row has ${row.length} values, the model takes ${this.width}` };
    }
    if (row instanceof Float32Array !== into instanceof Float32Array) {
      const [given, wanted] = row instanceof Float32Array ? ['float32', 'bytes'] : ['bytes', 'float32'];
      return { reason: `the values are ${given}, the model takes ${wanted}` };
    }
    const bad = row.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) return { reason: `value ${bad} of a row is ${row[bad]}` };
    into.set(row, at);
    return 'row';
  }
}

/** Rows from..to of some data. Values are not copied. */
export function slicedRows(data: Rows, from: number, to: number): Rows {
  return Array.isArray(data) ? (data.slice(from, to) as Rows) : data.subarray(from, to);
}
