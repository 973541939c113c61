/** What a manifest promises of its graph, and whether a loaded graph keeps it. Pure. */
import type { Dtype } from '../../protocol/dtypes.ts';
import type { Decision, ImageInput, Manifest } from '../../protocol/manifest.ts';
import { countOf, type TensorSpec } from './tensor.ts';
import { specWords } from './tensor-check.ts';

interface OutputSpec {
  readonly output: string;
  /** Values a row of the output. */
  readonly outputWidth: number;
}

/** One input tensor, in which every sample is a row. */
export interface RowSpec extends OutputSpec {
  readonly kind: 'rows';
  readonly input: string;
  readonly dtype: 'float32' | 'uint8';
  /** Of one sample, without the batch dimension. */
  readonly shape: readonly number[];
  /** Samples come as encoded pictures, which the engine turns into rows. */
  readonly image?: ImageInput;
}

/** Any inputs, as they come. */
export interface TensorsSpec extends OutputSpec {
  readonly kind: 'tensors';
  readonly inputs: readonly TensorSpec[];
}

export type GraphSpec = RowSpec | TensorsSpec;

/** One input or output of a graph; a dimension that is not fixed is its name. */
export interface GraphValue {
  readonly name: string;
  /** Undefined for what is no tensor. */
  readonly dtype: string | undefined;
  readonly shape: readonly (number | string)[];
}

export function graphSpecOf({ input, output }: Manifest): GraphSpec {
  const promised = { output: output.tensor, outputWidth: widthOf(output.decision) };
  const rows = (shape: readonly number[], dtype: RowSpec['dtype'] = 'float32') => ({
    kind: 'rows' as const,
    dtype,
    shape,
    ...promised,
  });
  switch (input.kind) {
    case 'features':
      return { ...rows([input.features.length]), input: input.tensor };
    case 'window':
      return { ...rows([input.length]), input: input.tensor };
    case 'tensor':
      return { ...rows(input.shape, input.dtype), input: input.tensor };
    case 'image':
      return { ...rows(imageShape(input), 'uint8'), input: input.tensor, image: input };
    case 'tensors':
      return { kind: 'tensors', inputs: input.tensors, ...promised };
  }
}

/** Values of one sample: the product of its shape. */
export function sampleWidth(spec: { readonly shape: readonly number[] }): number {
  return countOf(spec.shape);
}

/** Samples that say nothing. */
export function zeros(spec: RowSpec, rows: number): Float32Array | Uint8Array {
  const length = rows * sampleWidth(spec);
  return spec.dtype === 'uint8' ? new Uint8Array(length) : new Float32Array(length);
}

/** Whether samples can be put together into one run: all inputs begin with a free dimension. */
export function isStackable(inputs: readonly Pick<TensorSpec, 'shape'>[]): boolean {
  return inputs.every(({ shape }) => shape[0] === -1);
}

/** A graph that was exported for one sample runs one by one. */
export function runsOneByOne(spec: GraphSpec, inputs: readonly GraphValue[]): boolean {
  return spec.kind === 'rows' && inputs[0]?.shape[0] === 1;
}

/** @returns what differs, in words; null when the graph is the one the manifest describes */
export function graphMismatch(
  spec: GraphSpec,
  inputs: readonly GraphValue[],
  outputs: readonly GraphValue[],
): string | null {
  const inputProblem = spec.kind === 'rows' ? rowsMismatch(spec, inputs) : tensorsMismatch(spec, inputs);
  if (inputProblem) return inputProblem;
  const output = outputs.find((candidate) => candidate.name === spec.output);
  if (!output) {
    return `the graph's outputs are ${outputs.map((o) => `"${o.name}"`).join(', ')}, the manifest says "${spec.output}"`;
  }
  // How the output of a graph of many inputs is shaped shows itself when it runs.
  if (spec.kind === 'tensors') {
    return output.dtype === 'float32'
      ? null
      : `"${output.name}" is ${output.dtype ?? 'no tensor'}, not float32`;
  }
  const flat = spec.outputWidth === 1 && output.shape.length === 1;
  return valueMismatch(output, 'float32', flat ? [] : [spec.outputWidth]);
}

function rowsMismatch(spec: RowSpec, inputs: readonly GraphValue[]): string | null {
  const [input] = inputs;
  if (inputs.length !== 1 || !input) return `the graph has ${inputs.length} inputs, not one`;
  if (input.name !== spec.input)
    return `the graph's input is "${input.name}", the manifest says "${spec.input}"`;
  return valueMismatch(input, spec.dtype, spec.shape);
}

function tensorsMismatch(spec: TensorsSpec, inputs: readonly GraphValue[]): string | null {
  const said = spec.inputs.map(({ name }) => name);
  const there = inputs.map(({ name }) => name);
  if ([...said].sort().join('\n') !== [...there].sort().join('\n')) {
    return `the graph's inputs are ${quoted(there)}, the manifest says ${quoted(said)}`;
  }
  for (const promise of spec.inputs) {
    const input = inputs.find(({ name }) => name === promise.name);
    const fits =
      input?.dtype === promise.dtype &&
      input.shape.length === promise.shape.length &&
      input.shape.every((size, i) => typeof size === 'string' || size === promise.shape[i]);
    if (!fits) return `"${promise.name}" is ${input && graphWords(input)}, not ${specWords(promise)}`;
  }
  return null;
}

function valueMismatch(value: GraphValue, dtype: Dtype, shape: readonly number[]): string | null {
  const [batch, ...rest] = value.shape;
  if (value.dtype !== dtype) return `"${value.name}" is ${value.dtype ?? 'no tensor'}, not ${dtype}`;
  // A width that the graph leaves open is settled by the warm-up run.
  const same = rest.length === shape.length && rest.every((d, i) => typeof d === 'string' || d === shape[i]);
  if (!same) return `"${value.name}" is [${value.shape.join(', ')}], not [${['batch', ...shape].join(', ')}]`;
  if (typeof batch === 'number' && batch !== 1)
    return `"${value.name}" has a fixed batch of ${batch}; export it with a free one, or with one of 1`;
  return null;
}

function imageShape({ layout, channels, height, width }: ImageInput): readonly number[] {
  return layout === 'nchw' ? [channels, height, width] : [height, width, channels];
}

function widthOf(decision: Decision): number {
  return decision.kind === 'argmax' ? decision.labels.length : 1;
}

function graphWords({ dtype, shape }: GraphValue): string {
  return `${dtype ?? 'no tensor'} [${shape.join(', ')}]`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
