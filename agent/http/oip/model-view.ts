/** A slot as the Open Inference Protocol sees it: a model whose versions are those of its champion and challenger. Pure. */
import type { Dtype, Manifest } from '../../../protocol/manifest.ts';
import { agentError } from '../../errors.ts';
import { type GraphSpec, graphSpecOf, isStackable } from '../../inference/graph-spec.ts';
import type { SlotModels } from '../../models/active-models.ts';
import type { Datatype } from './datatype.ts';
import type { InputSpec } from './infer-request.ts';

const PLATFORM = 'onnxruntime_onnx';

const DATATYPE_OF: Readonly<Record<Dtype, Datatype>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};

export interface ModelSpec {
  readonly manifest: Manifest;
  readonly version: string;
  /** Whether the first dimension of every input counts samples; else a request is one sample. */
  readonly hasRows: boolean;
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
    hasRows: graph.kind === 'rows' || isStackable(graph.inputs),
    inputs: inputsOf(graph),
    outputs: [{ name: graph.output, datatype: 'FP32', shape: [-1, graph.outputWidth] }],
  };
}

function inputsOf(graph: GraphSpec): InputSpec[] {
  if (graph.kind === 'tensors') {
    return graph.inputs.map(({ name, dtype, shape }) => ({ name, datatype: DATATYPE_OF[dtype], shape }));
  }
  // An element a sample: the encoded picture.
  if (graph.image) return [{ name: graph.input, datatype: 'BYTES', shape: [-1] }];
  return [{ name: graph.input, datatype: DATATYPE_OF[graph.dtype], shape: [-1, ...graph.shape] }];
}

/** The champion's first. */
export function manifestsOf({ champion, challenger }: SlotModels): Manifest[] {
  return challenger ? [champion.manifest, challenger.model.manifest] : [champion.manifest];
}

export function metadataOf(slot: string, models: SlotModels, { inputs, outputs }: ModelSpec): object {
  const versions = [...new Set(manifestsOf(models).map(({ version }) => String(version)))];
  return { name: slot, versions, platform: PLATFORM, inputs, outputs };
}

/** As `model_configuration` gives it, which `perf_analyzer` reads: without the batch dimension, which it is told apart. */
export function configOf(
  slot: string,
  { inputs, outputs, hasRows }: ModelSpec,
  maxBatchSize: number,
): object {
  const tensor = ({ name, datatype, shape }: InputSpec) => ({
    name,
    data_type: `TYPE_${datatype}`,
    dims: hasRows ? shape.slice(1) : shape,
  });
  return {
    name: slot,
    platform: PLATFORM,
    backend: 'onnxruntime',
    max_batch_size: hasRows ? maxBatchSize : 0,
    input: inputs.map(tensor),
    output: outputs.map(tensor),
    dynamic_batching: {},
    model_transaction_policy: { decoupled: false },
  };
}

export function unknownModel(slot: string, version: string | undefined) {
  const which = version === undefined ? `'${slot}'` : `'${slot}' version ${version}`;
  return agentError('MODEL_UNKNOWN', `Request for unknown model: ${which} is not found`);
}
