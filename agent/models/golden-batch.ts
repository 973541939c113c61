/** Golden samples as a batch for the engine. */
import type { GoldenSample, Manifest } from '../../protocol/manifest.ts';
import type { EngineBatch } from '../inference/engine.ts';
import { graphSpecOf, type RowSpec, sampleWidth, type TensorsSpec } from '../inference/graph-spec.ts';
import { dataOf, type NamedTensor } from '../inference/tensor.ts';
import { inputsProblem } from '../inference/tensor-check.ts';

/** @throws SyntaxError, RangeError for data that are no values of their type; `goldenProblem` says so before */
export function goldenBatch(manifest: Manifest, samples: readonly GoldenSample[]): EngineBatch {
  const spec = graphSpecOf(manifest);
  const rows = samples.length;
  if (spec.kind === 'tensors') return { rows, data: samples.map((sample) => tensorsOf(spec, sample)) };
  if (spec.image) {
    return { rows, data: samples.map(({ image = '' }) => Uint8Array.from(Buffer.from(image, 'base64'))) };
  }
  const values = samples.flatMap(({ input }) => input);
  return { rows, data: spec.dtype === 'uint8' ? Uint8Array.from(values) : Float32Array.from(values) };
}

/** @returns null, or why the sample is none of this model */
export function goldenProblem(manifest: Manifest, sample: GoldenSample): string | null {
  const spec = graphSpecOf(manifest);
  if (sample.output.length !== spec.outputWidth) return 'is not as wide as the graph';
  return spec.kind === 'tensors' ? tensorsProblem(spec, sample) : rowProblem(spec, sample);
}

function rowProblem(spec: RowSpec, { input, image }: GoldenSample): string | null {
  if (spec.image) return image === undefined ? 'has no image' : null;
  return input.length === sampleWidth(spec) ? null : 'is not as wide as the graph';
}

function tensorsProblem(spec: TensorsSpec, sample: GoldenSample): string | null {
  if (!sample.tensors) return 'has no tensors';
  try {
    const problem = inputsProblem(spec.inputs, tensorsOf(spec, sample));
    return problem && `does not fit: ${problem}`;
  } catch (error) {
    return `holds what is no value of its type: ${String(error)}`;
  }
}

function tensorsOf({ inputs }: TensorsSpec, { tensors = [] }: GoldenSample): NamedTensor[] {
  return tensors.map(({ name, shape, data }) => {
    const dtype = inputs.find((input) => input.name === name)?.dtype ?? 'float32';
    return { name, dtype, shape, data: dataOf(dtype, data) };
  });
}
