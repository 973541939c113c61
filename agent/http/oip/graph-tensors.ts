/** Between the protocol's tensors and those of the engine, and a request's tensors as the samples of a model. Pure. */
import type { Dtype } from '../../../protocol/dtypes.ts';
import { agentError } from '../../errors.ts';
import { isStackable, type TensorsSpec } from '../../inference/graph-spec.ts';
import { type NamedTensor, rowsOfTensor } from '../../inference/tensor.ts';
import { inputsProblem } from '../../inference/tensor-check.ts';
import type { Datatype, OipTensor } from './datatype.ts';

const DATATYPE_OF: Readonly<Record<Dtype, Datatype>> = {
  float32: 'FP32',
  float64: 'FP64',
  float16: 'FP16',
  int8: 'INT8',
  uint8: 'UINT8',
  int16: 'INT16',
  uint16: 'UINT16',
  int32: 'INT32',
  uint32: 'UINT32',
  int64: 'INT64',
  uint64: 'UINT64',
  bool: 'BOOL',
  string: 'BYTES',
};
const DTYPE_OF = new Map(Object.entries(DATATYPE_OF).map(([dtype, datatype]) => [datatype, dtype as Dtype]));

export function datatypeOf(dtype: Dtype): Datatype {
  return DATATYPE_OF[dtype];
}

/**
 * Each sample's inputs: a row of every tensor where the graph has a free first dimension everywhere, else all of them as one sample.
 * @throws CodedError REQUEST_INVALID naming the input and what was wanted
 */
export function samplesOf(
  { inputs }: Pick<TensorsSpec, 'inputs'>,
  given: readonly OipTensor[],
): (readonly NamedTensor[])[] {
  const tensors = given.map(namedTensor);
  const problem = inputsProblem(inputs, tensors);
  if (problem !== null) throw agentError('REQUEST_INVALID', problem);
  if (!isStackable(inputs)) return [tensors];
  const rows = tensors[0]?.shape[0] ?? 0;
  const odd = tensors.find(({ shape }) => shape[0] !== rows);
  if (odd)
    throw agentError('REQUEST_INVALID', `input "${odd.name}" has ${odd.shape[0]} rows, others have ${rows}`);
  const perTensor = tensors.map(rowsOfTensor);
  return Array.from({ length: rows }, (_, row) => perTensor.flatMap((each) => each[row] ?? []));
}

export function oipTensorOf({ name, dtype, shape, data }: NamedTensor): OipTensor {
  const values = 'buffer' in data ? data : data.map((text) => Buffer.from(text));
  return { name, datatype: datatypeOf(dtype), shape, data: values };
}

/** @throws CodedError REQUEST_INVALID for bytes that are no text */
function namedTensor({ name, datatype, shape, data }: OipTensor): NamedTensor {
  const dtype = DTYPE_OF.get(datatype) ?? 'string';
  return {
    name,
    dtype,
    shape,
    data: Array.isArray(data) ? textsOf(name, data) : (data as NamedTensor['data']),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function textsOf(name: string, elements: readonly Uint8Array[]): string[] {
  try {
    return elements.map((element) => utf8.decode(element));
  } catch (cause) {
    throw agentError('REQUEST_INVALID', `input "${name}" has bytes that are no UTF-8 text`, { cause });
  }
}
