/** A slot as the Open Inference Protocol sees it: a model whose versions are those of its champion and challenger. Pure. */
import type { Manifest } from '../../../protocol/manifest.ts';
import { agentError } from '../../errors.ts';
import { type GraphSpec, graphSpecOf, isStackable } from '../../inference/graph-spec.ts';
import type { SlotModels } from '../../models/active-models.ts';
import { datatypeOf } from './graph-tensors.ts';
import type { InputSpec } from './infer-request.ts';

const PLATFORM = 'onnxruntime_onnx';

export interface ModelSpec {
  readonly manifest: Manifest;
  readonly version: string;
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly InputSpec[];
}

/** @throws CodedError MODEL_UNKNOWN: the slot has no such version now */
export function specOf(slot: string, models: SlotModels, version: string | undefined): ModelSpec {
  const manifest = manifestsOf(models).find(
    (each) => version === undefined || String(each.version) === version,
  );
  if (!manifest) throw unknownModel(slot, version);
  const graph = graphSpecOf(manifest);
  return {
    manifest,
    version: String(manifest.version),
    inputs: inputsOf(graph),
    outputs: [{ name: graph.output, datatype: 'FP32', shape: [-1, graph.outputWidth] }],
  };
}

/** Encoded pictures travel as BYTES, one a sample. */
function inputsOf(graph: GraphSpec): InputSpec[] {
  if (graph.kind === 'tensors') {
    return graph.inputs.map(({ name, dtype, shape }) => ({ name, datatype: datatypeOf(dtype), shape }));
  }
  const { input: name, dtype, shape, image } = graph;
  return [
    image
      ? { name, datatype: 'BYTES', shape: [-1] }
      : { name, datatype: datatypeOf(dtype), shape: [-1, ...shape] },
  ];
}

/** The champion's first. */
export function manifestsOf({ champion, challenger }: SlotModels): Manifest[] {
  return challenger ? [champion.manifest, challenger.model.manifest] : [champion.manifest];
}

export function metadataOf(slot: string, models: SlotModels, { inputs, outputs }: ModelSpec): object {
  const versions = [...new Set(manifestsOf(models).map(({ version }) => String(version)))];
  return { name: slot, versions, platform: PLATFORM, inputs, outputs };
}

/**
 * As `model_configuration` gives it, which `perf_analyzer` reads: without the batch dimension, which it is told apart.
 * A model whose samples cannot be stacked has none: then `max_batch_size` is 0, and each shape is whole.
 */
export function configOf(slot: string, { manifest, inputs, outputs }: ModelSpec, maxRows: number): object {
  const graph = graphSpecOf(manifest);
  const batches = graph.kind === 'rows' || isStackable(graph.inputs);
  const tensor = ({ name, datatype, shape }: InputSpec) => ({
    name,
    data_type: `TYPE_${datatype}`,
    dims: batches ? shape.slice(1) : shape,
  });
  return {
    name: slot,
    platform: PLATFORM,
    backend: 'onnxruntime',
    max_batch_size: batches ? maxRows : 0,
    input: inputs.map(tensor),
    output: outputs.map(tensor),
    ...(batches && { dynamic_batching: {} }),
    model_transaction_policy: { decoupled: false },
  };
}

export function unknownModel(slot: string, version: string | undefined) {
  const which = version === undefined ? `'${slot}'` : `'${slot}' version ${version}`;
  return agentError('MODEL_UNKNOWN', `Request for unknown model: ${which} is not found`);
}
