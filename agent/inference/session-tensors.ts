/** Between our tensors and those of the runtime's binding, whose types only engine-main.ts may import. Pure. */
import { DTYPES, type Dtype } from '../../protocol/dtypes.ts';
import type { GraphValue } from './graph-spec.ts';
import {
  blankData,
  countOf,
  type GraphSignature,
  type NamedTensor,
  type TensorData,
  type TensorSpec,
} from './tensor.ts';

/** A tensor as the binding gives it. */
interface GivenTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

/** The binding says so of its data's type; it takes them as they are. */
export function feedData(data: TensorData): Float32Array {
  return data as Float32Array;
}

/** @throws Error for what is no tensor that we know: a missing output, a type of another runtime */
export function decodedTensor(name: string, given: GivenTensor | undefined): NamedTensor {
  if (!given || !isDtype(given.type)) throw new Error(`output "${name}" is ${given?.type ?? 'not there'}`);
  const { type: dtype, dims, data } = given;
  const shape = [...dims];
  return { name, dtype, shape, data: data as TensorData };
}

/** Values that are no tensors, or of a type that no tensor of ours has, are left out. */
export function signatureOf(inputs: readonly GraphValue[], outputs: readonly GraphValue[]): GraphSignature {
  const perSample = ({ shape: [first] }: GraphValue) =>
    // The same name, or the 1 of a graph that runs one by one; a free dimension without a name may be anything.
    first !== undefined &&
    first !== '' &&
    inputs.every(({ shape }) => shape[0] === first) &&
    !isFixedBatch(first);
  return {
    inputs: inputs.flatMap(specOf),
    outputs: outputs.flatMap((output) =>
      specOf(output).map((spec) => ({ ...spec, perSample: perSample(output) })),
    ),
  };
}

function isFixedBatch(first: number | string): boolean {
  return typeof first === 'number' && first !== 1;
}

/** @returns null where it is not known which sizes the graph can take: its golden samples warm it up */
export function warmUpInputs(inputs: readonly TensorSpec[], rows: number): NamedTensor[] | null {
  const canBeRows = rows === 1 || inputs.every(({ shape }) => shape[0] === -1);
  if (!canBeRows || inputs.some(({ shape }) => shape.slice(1).includes(-1))) return null;
  return inputs.map(({ name, dtype, shape: [first, ...rest] }) => {
    const shape = first === undefined ? [] : [first === -1 ? rows : first, ...rest];
    return { name, dtype, shape, data: blankData(dtype, countOf(shape)) };
  });
}

function specOf({ name, dtype, shape }: GraphValue): TensorSpec[] {
  if (dtype === undefined || !isDtype(dtype)) return [];
  return [{ name, dtype, shape: shape.map((size) => (typeof size === 'number' ? size : -1)) }];
}

function isDtype(type: string): type is Dtype {
  return (DTYPES as readonly string[]).includes(type);
}
