/** A slot as the Open Inference Protocol sees it: a model whose versions are those of its champion and challenger. Pure. */
import type { Manifest } from '../../../protocol/manifest.ts';
import { agentError } from '../../errors.ts';
import { type GraphSpec, graphSpecOf, isStackable } from '../../inference/graph-spec.ts';
import type { GraphSignature } from '../../inference/tensor.ts';
import type { ActiveModel, SlotModels } from '../../models/active-models.ts';
import { datatypeOf } from './graph-tensors.ts';
import type { InputSpec } from './infer-request.ts';

const PLATFORM = 'onnxruntime_onnx';

export interface OutputView extends InputSpec {
  /** As `OutputSpec.perSample`. */
  readonly perSample: boolean;
}

export interface ModelSpec {
  readonly manifest: Manifest;
  readonly graph: GraphSpec;
  readonly version: string;
  readonly inputs: readonly InputSpec[];
  /** The one that the decision reads, then the others in the graph's order. */
  readonly outputs: readonly [OutputView, ...OutputView[]];
}

/** @throws CodedError MODEL_UNKNOWN: the slot has no such version now */
export function versionOf(slot: string, models: SlotModels, version: string | undefined): ActiveModel {
  const model = versionsOf(models).find(
    ({ manifest }) => version === undefined || String(manifest.version) === version,
  );
  if (!model) throw unknownModel(slot, version);
  return model;
}

/** The champion's first. */
export function versionsOf({ champion, challenger }: SlotModels): ActiveModel[] {
  return challenger ? [champion, challenger.model] : [champion];
}

/** @param signature of the loaded graph: what it has beside the output that the decision reads */
export function specOf({ manifest }: ActiveModel, signature: GraphSignature): ModelSpec {
  const graph = graphSpecOf(manifest);
  const others = signature.outputs.filter(({ name }) => name !== graph.output);
  return {
    manifest,
    graph,
    version: String(manifest.version),
    inputs: inputsOf(graph),
    outputs: [
      { name: graph.output, datatype: 'FP32', shape: [-1, graph.outputWidth], perSample: true },
      ...others.map(({ name, dtype, shape, perSample }) => ({
        name,
        datatype: datatypeOf(dtype),
        // A graph that runs one by one is given any number of samples.
        shape: perSample ? [-1, ...shape.slice(1)] : shape,
        perSample,
      })),
    ],
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

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly InputSpec[];
}

interface ConfigTensor {
  readonly name: string;
  readonly data_type: string;
  readonly dims: readonly number[];
}

export interface ModelConfig {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly max_batch_size: number;
  readonly input: readonly ConfigTensor[];
  readonly output: readonly ConfigTensor[];
  readonly dynamic_batching?: object;
  readonly model_transaction_policy: { readonly decoupled: boolean };
}

export function metadataOf(slot: string, models: SlotModels, { inputs, outputs }: ModelSpec): ModelMetadata {
  const versions = [...new Set(versionsOf(models).map(({ manifest }) => String(manifest.version)))];
  const listed = outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape }));
  return { name: slot, versions, platform: PLATFORM, inputs, outputs: listed };
}

/**
 * As `model_configuration` gives it, which `perf_analyzer` reads: without the batch dimension, which it is told apart.
 * A model whose samples cannot be stacked has none: then `max_batch_size` is 0, and each shape is whole.
 */
export function configOf(slot: string, { graph, inputs, outputs }: ModelSpec, maxRows: number): ModelConfig {
  const batches = graph.kind === 'rows' || isStackable(graph.inputs);
  const tensor = ({ name, datatype, shape, perSample = true }: InputSpec & { perSample?: boolean }) => ({
    name,
    data_type: datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`,
    dims: batches && perSample ? shape.slice(1) : shape,
  });
  return {
    name: slot,
    platform: PLATFORM,
    backend: 'onnxruntime',
    max_batch_size: batches ? maxRows : 0,
    input: inputs.map((input) => tensor(input)),
    output: outputs.map((output) => tensor(output)),
    ...(batches && { dynamic_batching: {} }),
    model_transaction_policy: { decoupled: false },
  };
}

export function unknownModel(slot: string, version: string | undefined) {
  const which = version === undefined ? `'${slot}'` : `'${slot}' version ${version}`;
  return agentError('MODEL_UNKNOWN', `Request for unknown model: ${which} is not found`);
}
