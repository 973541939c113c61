/**
 * Turns a sample into one row of a model's input tensor, or says why it cannot be one. Pure.
 *
 * The rule: every feature of the manifest must be there, a number must be finite in float32, a category must be a known
 * one; what the model does not know is ignored. A value outside the manifest's range is kept: the monitor flags it.
 */
import type { Feature, Manifest, TensorsInput } from '../../protocol/manifest.ts';
import { isStackable } from '../inference/graph-spec.ts';
import { countOf, type NamedTensor } from '../inference/tensor.ts';
import { inputsProblem } from '../inference/tensor-check.ts';
import type { Sample } from '../sources/source.ts';

/** Rows of values; or one sample each, of which the engine makes its own. */
export type Rows = Float32Array | Uint8Array | Uint8Array[] | (readonly NamedTensor[])[];

type Value = Sample['features'][string];

export interface RowReader {
  /** Values that `read` writes. For a window: one, the newest value; for pictures and tensors: one, the sample. */
  readonly width: number;
  /**
   * @param into where the row goes, from index `at`
   * @returns null, or the reason why the sample cannot be used
   */
  read(sample: Sample, into: Rows, at: number): string | null;
}

export function rowReader(input: Manifest['input']): RowReader {
  switch (input.kind) {
    case 'features':
    case 'window':
      return featureReader(input.features);
    case 'tensor':
      return tensorReader(input);
    case 'image':
      return imageReader;
    case 'tensors':
      return tensorsReader(input);
  }
}

function featureReader(features: readonly Feature[]): RowReader {
  const columns = features.map(({ name, categories }) => ({
    name,
    indexOf: categories && new Map(categories.map((category, index) => [category, index])),
  }));
  const readValue = (value: Value | undefined, i: number, into: Float32Array, at: number): string | null => {
    const { name, indexOf } = columns[i] as (typeof columns)[number];
    if (value === null || value === undefined) return `"${name}" is missing`;
    const number = indexOf ? indexOf.get(String(value)) : value;
    if (number === undefined) return `"${name}" has the unknown category "${short(value)}"`;
    if (typeof number !== 'number') return `"${name}" is the text "${short(value)}", not a number`;
    if (!Number.isFinite(Math.fround(number))) return `"${name}" is ${number}`;
    into[at + i] = number;
    return null;
  };
  return {
    width: columns.length,
    read({ features: given }, into, at) {
      let i = 0;
      let problem: string | null = null;
      // A walk is quicker than a look-up by name, and goes as far as the source keeps to the manifest's order.
      for (const name in given) {
        if (problem !== null || columns[i]?.name !== name) break;
        problem = readValue(given[name], i++, into as Float32Array, at);
      }
      while (problem === null && i < columns.length) {
        problem = readValue(given[columns[i]?.name ?? ''], i++, into as Float32Array, at);
      }
      return problem;
    },
  };
}

function tensorReader(input: Extract<Manifest['input'], { kind: 'tensor' }>): RowReader {
  const width = countOf(input.shape);
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
      (into as Float32Array | Uint8Array).set(tensor, at);
      return null;
    },
  };
}

/** Whether it is a picture shows itself when the engine decodes it. */
const imageReader: RowReader = {
  width: 1,
  read({ image }, into, at) {
    if (!image) return 'the sample has no image';
    (into as Uint8Array[])[at] = image;
    return null;
  },
};

/** A sample is one row of whatever has a free first dimension. */
function tensorsReader(input: TensorsInput): RowReader {
  const wanted = input.tensors.map((tensor) => ({
    ...tensor,
    shape: tensor.shape.map((size, i) => (i === 0 && size === -1 && isStackable(input.tensors) ? 1 : size)),
  }));
  return {
    width: 1,
    read({ tensors }, into, at) {
      if (!tensors) return 'the sample has no tensors';
      const problem = inputsProblem(wanted, tensors);
      if (problem === null) (into as (readonly NamedTensor[])[])[at] = tensors;
      return problem;
    },
  };
}

function short(value: string | number): string {
  return String(value).slice(0, 40);
}
