/**
 * Turns a sample into one row of a model's input tensor, or says why it cannot be one. Pure.
 *
 * The rule: every feature of the manifest must be there, a number must be finite in float32, a category must be a known
 * one; what the model does not know is ignored. A value outside the manifest's range is kept: the monitor flags it.
 */
import type { Feature, Manifest } from '../../protocol/manifest.ts';
import type { Sample } from '../sources/source.ts';

type Values = Float32Array | Uint8Array;

export interface RowReader {
  /** Values that `read` writes. For a window: one, the newest value. */
  readonly width: number;
  /**
   * @param into where the row goes, from index `at`
   * @returns null, or the reason why the sample cannot be used
   */
  read(sample: Sample, into: Values, at: number): string | null;
}

export function rowReader(input: Manifest['input']): RowReader {
  return input.kind === 'tensor' ? tensorReader(input) : featureReader(input.features);
}

function featureReader(features: readonly Feature[]): RowReader {
  const columns = features.map(({ name, categories }) => ({
    name,
    indexOf: categories && new Map(categories.map((category, index) => [category, index])),
  }));
  return {
    width: columns.length,
    read(sample, into, at) {
      for (let i = 0; i < columns.length; i++) {
        const { name, indexOf } = columns[i] as (typeof columns)[number];
        const value = sample.features[name];
        if (value === null || value === undefined) return `"${name}" is missing`;
        const number = indexOf ? indexOf.get(String(value)) : value;
        if (number === undefined) return `"${name}" has the unknown category "${short(value)}"`;
        if (typeof number !== 'number') return `"${name}" is the text "${short(value)}", not a number`;
        if (!Number.isFinite(Math.fround(number))) return `"${name}" is ${number}`;
        into[at + i] = number;
      }
      return null;
    },
  };
}

function tensorReader(input: Extract<Manifest['input'], { kind: 'tensor' }>): RowReader {
  const width = input.shape.reduce((product, size) => product * size, 1);
  return {
    width,
    read({ tensor }, into, at) {
      if (!tensor) return 'the sample has no tensor';
      const dtype = tensor instanceof Float32Array ? 'float32' : 'uint8';
      if (dtype !== input.dtype) return `the tensor is ${dtype}, not ${input.dtype}`;
      if (tensor.length !== width) return `the tensor has ${tensor.length} values, not ${width}`;
      if (dtype === 'float32') {
        const bad = tensor.findIndex((value) => !Number.isFinite(value));
        if (bad >= 0) return `value ${bad} of the tensor is ${tensor[bad]}`;
      }
      into.set(tensor, at);
      return null;
    },
  };
}

function short(value: string | number): string {
  return String(value).slice(0, 40);
}
