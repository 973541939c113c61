/** Reads queued samples as rows of one model's input, windows included. */
import type { Manifest } from '../../protocol/manifest.ts';
import type { Item } from './lane-item.ts';
import { type RowReader, rowReader } from './sample-validator.ts';
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

  allocate(rows: number): Float32Array | Uint8Array {
    const length = rows * this.width;
    const isBytes = this.#input.kind === 'tensor' && this.#input.dtype === 'uint8';
    return isBytes ? new Uint8Array(length) : new Float32Array(length);
  }

  /** Writes the item's row from index `at`, if it makes one. */
  read(item: Item, into: Float32Array | Uint8Array, at: number): Reading {
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
    windower.copy(place, input.length, into, at);
    return 'row';
  }

  /** A row that a caller made for the model itself. */
  #readGiven(row: Float32Array | Uint8Array, into: Float32Array | Uint8Array, at: number): Reading {
    if (row.length !== this.width) {
      return { reason: `a row has ${row.length} values, the model takes ${this.width}` };
    }
    if (row.BYTES_PER_ELEMENT !== into.BYTES_PER_ELEMENT) {
      return {
        reason: `the values are ${row.BYTES_PER_ELEMENT === 1 ? 'bytes' : 'float32'}, the model takes the other`,
      };
    }
    const bad = row.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) return { reason: `value ${bad} of a row is ${row[bad]}` };
    into.set(row, at);
    return 'row';
  }
}
