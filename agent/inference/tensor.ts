/** Tensors as they travel between requests, lanes and the engine. Nothing here copies a typed array that is passed on. */
import type { Dtype } from '../../protocol/dtypes.ts';

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  /** The bits of each value: not every Node that we run on has a Float16Array. */
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  /** 0 or 1. */
  bool: Uint8Array,
} as const;

type NumericDtype = keyof typeof ARRAYS;
type NumericData = InstanceType<(typeof ARRAYS)[NumericDtype]>;
export type TensorData = NumericData | readonly string[];

export interface NamedTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: TensorData;
}

/** What a graph wants or gives. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  /** -1 for a free dimension. */
  readonly shape: readonly number[];
}

interface OutputSpec extends TensorSpec {
  /** Its first dimension is for certain that of the samples: a run of several callers' samples can be cut into theirs. */
  readonly perSample: boolean;
}

export interface GraphSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly OutputSpec[];
}

/** Values of a tensor of this shape; 1 for a scalar. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether this is how values of the type are kept. */
export function holds(dtype: Dtype, data: TensorData): boolean {
  return dtype === 'string' ? Array.isArray(data) : data instanceof ARRAYS[dtype];
}

/** Zeros, false, or empty texts. */
export function blankData(dtype: Dtype, count: number): TensorData {
  return dtype === 'string' ? new Array<string>(count).fill('') : new ARRAYS[dtype](count);
}

/** @param values as JSON has them: 64-bit integers as text, float16 as their bits @throws SyntaxError, RangeError */
export function dataOf(dtype: Dtype, values: readonly (number | string | boolean)[]): TensorData {
  switch (dtype) {
    case 'string':
      return values.map(String);
    case 'int64':
      return BigInt64Array.from(values, (value) => BigInt(value));
    case 'uint64':
      return BigUint64Array.from(values, (value) => BigInt(value));
    default:
      return ARRAYS[dtype].from(values.map(Number));
  }
}

/** Tensors of the same type and shape but for the first dimension, one after the other along it. */
export function concatenate(parts: readonly NamedTensor[]): NamedTensor {
  const [first] = parts;
  if (!first) throw new RangeError('no tensors to concatenate');
  if (parts.length === 1) return first;
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = [rows, ...first.shape.slice(1)];
  return { ...first, shape, data: joined(first.dtype, parts, countOf(shape)) };
}

/** The rows of a tensor along its first dimension, each with a first dimension of 1. Numbers are not copied. */
export function rowsOfTensor(tensor: NamedTensor): NamedTensor[] {
  const [rows = 0, ...rest] = tensor.shape;
  const width = countOf(rest);
  return Array.from({ length: rows }, (_, row) => {
    const [from, to] = [row * width, (row + 1) * width];
    const { data } = tensor;
    return {
      ...tensor,
      shape: [1, ...rest],
      data: 'subarray' in data ? data.subarray(from, to) : data.slice(from, to),
    };
  });
}

function joined(dtype: Dtype, parts: readonly NamedTensor[], count: number): TensorData {
  if (dtype === 'string') return parts.flatMap(({ data }) => data as readonly string[]);
  const all = new ARRAYS[dtype](count);
  let at = 0;
  for (const { data } of parts) {
    // Of one type: one of bigints never meets one of numbers.
    all.set(data as never, at);
    at += data.length;
  }
  return all;
}
