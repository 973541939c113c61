/** What a manifest promises of its graph, and whether a loaded graph keeps it. Pure. */
import type { Manifest } from '../../protocol/manifest.ts';

export interface GraphSpec {
  readonly input: string;
  readonly dtype: 'float32' | 'uint8';
  /** Of one sample, without the batch dimension. */
  readonly shape: readonly number[];
  readonly output: string;
  /** Values a row of the output. */
  readonly outputWidth: number;
}

/** One input or output of a graph; a dimension that is not fixed is its name. */
export interface GraphValue {
  readonly name: string;
  /** Undefined for what is no tensor. */
  readonly dtype: string | undefined;
  readonly shape: readonly (number | string)[];
}

export function graphSpecOf(manifest: Manifest): GraphSpec {
  const { input, output } = manifest;
  const decision = output.decision;
  return {
    input: input.tensor,
    dtype: input.kind === 'tensor' ? input.dtype : 'float32',
    shape: sampleShape(input),
    output: output.tensor,
    outputWidth: decision.kind === 'argmax' ? decision.labels.length : 1,
  };
}

/** Values of one sample: the product of its shape. */
export function sampleWidth(spec: { readonly shape: readonly number[] }): number {
  return spec.shape.reduce((product, size) => product * size, 1);
}

/** @returns what differs, in words; null when the graph is the one the manifest describes */
export function graphMismatch(
  spec: GraphSpec,
  inputs: readonly GraphValue[],
  outputs: readonly GraphValue[],
): string | null {
  const input = inputs[0];
  if (inputs.length !== 1 || !input) return `the graph has ${inputs.length} inputs, not one`;
  if (input.name !== spec.input)
    return `the graph's input is "${input.name}", the manifest says "${spec.input}"`;
  const inputProblem = valueMismatch(input, spec.dtype, spec.shape);
  if (inputProblem) return inputProblem;
  const output = outputs.find((candidate) => candidate.name === spec.output);
  if (!output) {
    return `the graph's outputs are ${outputs.map((o) => `"${o.name}"`).join(', ')}, the manifest says "${spec.output}"`;
  }
  return valueMismatch(output, 'float32', [spec.outputWidth]);
}

function valueMismatch(value: GraphValue, dtype: string, shape: readonly number[]): string | null {
  const [batch, ...rest] = value.shape;
  if (value.dtype !== dtype) return `"${value.name}" is ${value.dtype ?? 'no tensor'}, not ${dtype}`;
  // A width that the graph leaves open is settled by the warm-up run.
  const same = rest.length === shape.length && rest.every((d, i) => typeof d === 'string' || d === shape[i]);
  if (!same) return `"${value.name}" is [${value.shape.join(', ')}], not [batch, ${shape.join(', ')}]`;
  if (typeof batch === 'number')
    return `"${value.name}" has a fixed batch of ${batch}; export it with a free one`;
  return null;
}

function sampleShape(input: Manifest['input']): readonly number[] {
  switch (input.kind) {
    case 'features':
      return [input.features.length];
    case 'window':
      return [input.length];
    case 'tensor':
      return input.shape;
  }
}
