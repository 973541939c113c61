/** From a parsed request to what a lane is asked, checked against the model; and from its answer to the response. Pure. */
import { MAX_PRIORITY } from '../../config/schema.ts';
import { agentError } from '../../errors.ts';
import type { BatchData } from '../../inference/engine.ts';
import { countOf } from '../../inference/tensor.ts';
import type { Ask, Asked } from '../../pipeline/ask.ts';
import { oipTensorOf, samplesOf } from './graph-tensors.ts';
import type { InferRequest } from './infer-request.ts';
import type { InferAnswer } from './infer-response.ts';
import type { ModelSpec, OutputView } from './model-view.ts';

/** What would wait longer waits without end. */
const MAX_TIMEOUT_US = 3_600_000_000;

/** @throws CodedError REQUEST_INVALID: what the request brings is not what the model takes */
export function askOf(slot: string, request: InferRequest, model: ModelSpec): Ask {
  const { graph } = model;
  const data = graph.kind === 'tensors' ? samplesOf(graph, request.inputs) : rowsOf(slot, request, model);
  const rows = Array.isArray(data) ? data.length : (request.inputs[0]?.shape[0] ?? 0);
  // Before the engine works for an answer that nobody could take.
  const extras = extrasOf(slot, request, model);
  const correlationIds = correlationIdsOf(request, rows);
  return {
    rows,
    data,
    ...(extras.length > 0 && {
      extraOutputs: extras.map(({ name }) => name),
      alone: extras.some(({ perSample }) => !perSample),
    }),
    ...(correlationIds && { correlationIds }),
    priority: Math.min(request.priority, MAX_PRIORITY),
    timeoutUs: request.timeoutUs > MAX_TIMEOUT_US ? 0 : request.timeoutUs,
  };
}

/** What is wanted beside the output that the decision reads: all that the graph has, where the request names none. */
function extrasOf(slot: string, { outputs }: InferRequest, model: ModelSpec): readonly OutputView[] {
  const [, ...others] = model.outputs;
  const strange = outputs?.find(({ name }) => model.outputs.every((each) => each.name !== name));
  if (strange) throw invalid(`unexpected inference output '${strange.name}' for model '${slot}'`);
  return others.filter(({ name }) => outputs?.some((wanted) => wanted.name === name) ?? true);
}

/** The one input of a model whose samples are rows, or pictures. */
function rowsOf(slot: string, request: InferRequest, { inputs }: ModelSpec): BatchData {
  const [input, ...more] = request.inputs;
  const [spec] = inputs;
  if (!input || !spec || more.length > 0) {
    throw invalid(
      `expected ${inputs.length} inputs but got ${request.inputs.length} inputs for model '${slot}'`,
    );
  }
  const { name, datatype, shape, data } = input;
  if (name !== spec.name) throw invalid(`unexpected inference input '${name}' for model '${slot}'`);
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
  const rows = shape[0] ?? 0;
  if (rows === 0) throw invalid(`input '${name}' for model '${slot}' has no rows`);
  const isTaken = data instanceof Float32Array || data instanceof Uint8Array || datatype === 'BYTES';
  if (!isTaken) throw invalid(`inference input '${name}' cannot be ${datatype}`);
  return data as BatchData;
}

export function answerOf(slot: string, asked: Asked, { manifest, outputs }: ModelSpec): InferAnswer {
  const [first] = asked.decisions;
  const many = asked.decisions.length > 1;
  const [{ name }] = outputs;
  const shape = [asked.decisions.length, asked.width];
  return {
    model: slot,
    version: String(asked.version),
    outputs: [
      { name, datatype: 'FP32', shape, data: asked.output.subarray(0, countOf(shape)) },
      ...(asked.extras ?? []).map(oipTensorOf),
    ],
    labels: { output: name, names: asked.width > 1 ? manifest.output.decision.labels : [] },
    parameters: {
      label: many ? asked.decisions.map(({ label }) => label) : first?.label,
      score: many ? asked.decisions.map(({ score }) => score) : first?.score,
      role: asked.role,
      ...(asked.decisions.some(({ explored }) => explored) && {
        explored: many ? asked.decisions.map(({ explored = false }) => explored) : true,
      }),
      ...(first?.top && { top: many ? asked.decisions.map(({ top }) => top) : first.top }),
      ...(asked.predictionIds && { prediction_ids: asked.predictionIds }),
    },
  };
}

function correlationIdsOf(
  { correlationId }: InferRequest,
  rows: number,
): readonly (string | null)[] | undefined {
  if (correlationId === null) return undefined;
  const ids = typeof correlationId === 'string' ? [correlationId] : correlationId;
  if (ids.length !== rows) throw invalid(`there are ${rows} rows and ${ids.length} correlation ids`);
  return ids;
}

function invalid(message: string) {
  return agentError('REQUEST_INVALID', message);
}
