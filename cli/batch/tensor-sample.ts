/** A row of a file as a sample of whole tensors: each a field by its name, a list nested like its shape, or flat. Pure. */

import { agentError } from '../../agent/errors.ts';
import { datatypeOf, samplesOf } from '../../agent/http/oip/graph-tensors.ts';
import { readJson } from '../../agent/http/oip/json-data.ts';
import { isStackable } from '../../agent/inference/graph-spec.ts';
import { countOf, type TensorSpec } from '../../agent/inference/tensor.ts';
import type { GoodRow } from '../../agent/sources/row.ts';
import type { Sample } from '../../agent/sources/source.ts';
import type { Manifest } from '../../protocol/manifest.ts';

type TensorInput = Extract<Manifest['input'], { kind: 'tensor' | 'tensors' }>;
type Features = GoodRow['features'];

/** Names of the tensors that a row has to bring; none for a model of another kind. */
export function tensorNames(input: Manifest['input']): string[] {
  if (input.kind === 'tensor') return [input.tensor];
  return input.kind === 'tensors' ? input.tensors.map(({ name }) => name) : [];
}

/**
 * @param features of the row: a list is its JSON text there
 * @throws CodedError REQUEST_INVALID naming the tensor and what was wanted
 */
export function tensorSample(input: TensorInput, features: Features): Pick<Sample, 'tensor' | 'tensors'> {
  if (input.kind === 'tensor') {
    const { tensor: name, dtype, shape } = input;
    return { tensor: valuesOf({ name, dtype, shape }, features).data as Float32Array | Uint8Array };
  }
  const stacks = isStackable(input.tensors);
  const given = input.tensors.map((spec) => {
    const { name, dtype } = spec;
    const { shape, data } = valuesOf({ ...spec, shape: stacks ? spec.shape.slice(1) : spec.shape }, features);
    return { name, datatype: datatypeOf(dtype), shape: stacks ? [1, ...shape] : shape, data };
  });
  const [sample = []] = samplesOf({ inputs: input.tensors }, given);
  return { tensors: sample };
}

/** @param spec of one sample */
function valuesOf({ name, dtype, shape }: TensorSpec, features: Features) {
  const field = features[name];
  if (field === null || field === undefined) throw invalid(name, 'is missing');
  const value = dtype === 'string' && !isList(field) ? field : jsonOf(name, field);
  const data: readonly unknown[] = Array.isArray(value) ? value : [value];
  const sizes = sizesOf(name, shape, data);
  return { shape: sizes, data: readJson({ name, datatype: datatypeOf(dtype), shape: sizes }, data) };
}

/** The shape with its free dimensions filled in: by how the list is nested, or by how many values a flat one has. */
function sizesOf(name: string, shape: readonly number[], data: readonly unknown[]): readonly number[] {
  const free = shape.filter((size) => size === -1).length;
  if (free === 0) return shape;
  if (Array.isArray(data[0])) {
    const sizes: number[] = [];
    for (let part: unknown = data; Array.isArray(part); part = part[0]) sizes.push(part.length);
    return sizes;
  }
  if (free > 1) throw invalid(name, `is flat, which leaves its shape [${shape.join(', ')}] open: nest it`);
  const rest = countOf(shape.filter((size) => size !== -1));
  return shape.map((size) => (size === -1 ? Math.floor(data.length / rest) : size));
}

function isList(field: string | number): boolean {
  return typeof field === 'string' && field.startsWith('[');
}

function jsonOf(name: string, field: string | number): unknown {
  if (typeof field === 'number') return field;
  try {
    return JSON.parse(field);
  } catch (cause) {
    throw invalid(name, `is the text "${field.slice(0, 40)}", no number and no list`, cause);
  }
}

function invalid(name: string, message: string, cause?: unknown) {
  return agentError('REQUEST_INVALID', `input '${name}' ${message}`, { cause });
}
