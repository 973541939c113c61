/** The inputs of a request against those of the model, and as the rows that a lane takes. Pure. */
import { agentError } from '../../errors.ts';
import type { NamedTensor } from '../../inference/tensor.ts';
import type { Ask } from '../../pipeline/ask.ts';
import { isElements } from './binary-data.ts';
import type { OipTensor } from './datatype.ts';
import type { InputSpec } from './infer-request.ts';
import type { ModelSpec } from './model-view.ts';

/**
 * @returns the inputs in the order of the model's
 * @throws CodedError REQUEST_INVALID, in Triton's words
 */
export function checkedInputs(
  slot: string,
  given: readonly OipTensor[],
  wanted: readonly InputSpec[],
): OipTensor[] {
  if (given.length !== wanted.length) {
    throw invalid(`expected ${wanted.length} inputs but got ${given.length} inputs for model '${slot}'`);
  }
  const strange = given.find(({ name }) => wanted.every((spec) => spec.name !== name));
  if (strange) throw invalid(`unexpected inference input '${strange.name}' for model '${slot}'`);
  return wanted.map((spec) => {
    const input = given.find(({ name }) => name === spec.name);
    if (!input) throw invalid(`input '${spec.name}' of model '${slot}' is missing`);
    checkInput(slot, input, spec);
    return input;
  });
}

function checkInput(slot: string, { name, datatype, shape }: OipTensor, spec: InputSpec): void {
  if (datatype !== spec.datatype) {
    throw invalid(
      `inference input '${name}' data-type is '${datatype}', but model '${slot}' expects '${spec.datatype}'`,
    );
  }
  const fits =
    shape.length === spec.shape.length && spec.shape.every((size, i) => size < 0 || size === shape[i]);
  if (!fits) {
    throw invalid(
      `unexpected shape for input '${name}' for model '${slot}'. Expected [${spec.shape}], got [${shape}]`,
    );
  }
}

/** Samples of a request: the first dimension of every input. @throws CodedError REQUEST_INVALID */
export function rowsOf(slot: string, inputs: readonly OipTensor[]): number {
  const rows = inputs[0]?.shape[0] ?? 0;
  if (rows === 0) throw invalid(`input '${inputs[0]?.name}' for model '${slot}' has no rows`);
  const other = inputs.find(({ shape }) => shape[0] !== rows);
  if (other)
    throw invalid(`input '${other.name}' has ${other.shape[0]} rows, '${inputs[0]?.name}' has ${rows}`);
  return rows;
}

/** @param inputs checked, in the order of the model's */
export function rowData(
  inputs: readonly OipTensor[],
  rows: number,
  { manifest, hasRows }: ModelSpec,
): Ask['data'] {
  if (manifest.input.kind === 'tensors') {
    const { tensors } = manifest.input;
    return Array.from({ length: rows }, (_, row) =>
      inputs.map((input, i) => rowOf(input, tensors[i]?.dtype ?? 'float32', hasRows ? row : null)),
    );
  }
  const [first] = inputs;
  const data = first?.data;
  if (data instanceof Float32Array || data instanceof Uint8Array) return data;
  if (data && isElements(data)) return data;
  throw invalid(`inference input '${first?.name}' cannot be ${first?.datatype}`);
}

/** @param row null: the whole tensor */
function rowOf(
  { name, shape, data }: OipTensor,
  dtype: NamedTensor['dtype'],
  row: number | null,
): NamedTensor {
  const width = data.length / (shape[0] ?? 1);
  const [from, to] = row === null ? [0, data.length] : [row * width, (row + 1) * width];
  const values = isElements(data) ? data.slice(from, to) : data.subarray(from, to);
  return {
    name,
    dtype,
    shape: row === null ? shape : [1, ...shape.slice(1)],
    // No tensor of a request lies in shared memory.
    data: isElements(values)
      ? values.map((text) => Buffer.from(text).toString('utf8'))
      : (values as NamedTensor['data']),
  };
}

function invalid(message: string) {
  return agentError('REQUEST_INVALID', message);
}
