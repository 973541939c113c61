/** A batch as requests to an engine process, and their answers as one result: how a model is asked, wherever it is loaded. */
import { agentError } from '../errors.ts';
import type { BatchData, EngineBatch, EngineResult, InferResult, RunOptions } from './engine.ts';
import type { EngineAnswer, EngineRequest } from './engine-messages.ts';
import { type GraphSpec, isStackable, type TensorsSpec } from './graph-spec.ts';
import { concatenate, type NamedTensor, rowsOfTensor } from './tensor.ts';

/** Sends one request and waits for its answer. @throws CodedError what the engine says */
type AskEngine = (request: EngineRequest, options: RunOptions) => Promise<EngineAnswer>;

export interface EngineRun {
  readonly ask: AskEngine;
  readonly nextId: () => number;
  /** Its manifest's sha256. */
  readonly model: string;
  readonly spec: GraphSpec;
}

export async function runBatch(
  run: EngineRun,
  batch: EngineBatch,
  options: RunOptions,
): Promise<EngineResult> {
  const { ask, nextId, model, spec } = run;
  const { rows, data, extraOutputs = [] } = batch;
  if (spec.kind === 'tensors') {
    return runSamples(run, spec, batch, options);
  }
  const values = isValues(data) ? data : plainBytes(data as readonly Uint8Array[]);
  const wanted = extraOutputs.length > 0 ? { extraOutputs } : {};
  const request = { id: nextId(), kind: 'run' as const, model, rows, data: values, ...wanted };
  const answer = await ask(request, options);
  if (answer.kind !== 'output') throw new TypeError(`a run was answered with "${answer.kind}"`);
  const { extras, ...result } = answer;
  return extras ? { ...result, extras: cutIntoRows(extras, rows) } : result;
}

/** Each row's part of the tensors; one that has not that many rows stays whole, with the first. */
function cutIntoRows(tensors: readonly NamedTensor[], rows: number): NamedTensor[][] {
  const perTensor = tensors.map((tensor) => (tensor.shape[0] === rows ? rowsOfTensor(tensor) : [tensor]));
  return Array.from({ length: rows }, (_, row) => perTensor.flatMap((parts) => parts[row] ?? []));
}

function isValues(data: BatchData): data is Float32Array | Uint8Array {
  return ArrayBuffer.isView(data);
}

/** A Buffer is no plain array on the way to the engine. Nothing is copied. */
function plainBytes(pictures: readonly Uint8Array[]): Uint8Array[] {
  return pictures.map(({ buffer, byteOffset, length }) => new Uint8Array(buffer, byteOffset, length));
}

export async function inferTensors(
  { ask, nextId, model }: EngineRun,
  inputs: readonly NamedTensor[],
  outputs: readonly string[] | null,
  options: RunOptions,
): Promise<InferResult> {
  const request = { id: nextId(), kind: 'infer' as const, model, inputs, outputs };
  const answer = await ask(request, options);
  if (answer.kind !== 'outputs') throw new TypeError(`tensors were answered with "${answer.kind}"`);
  return answer;
}

/** Samples with the same shapes go together where the graph has a free first dimension everywhere; else one by one. */
async function runSamples(
  run: EngineRun,
  spec: TensorsSpec,
  { data, extraOutputs = [] }: EngineBatch,
  options: RunOptions,
): Promise<EngineResult> {
  const samples = data as readonly (readonly NamedTensor[])[];
  const extras: NamedTensor[][] = samples.map(() => []);
  const width = spec.outputWidth;
  const output = new Float32Array(samples.length * width);
  let computeUs = 0;
  for (const rows of together(spec, samples)) {
    const inputs = stacked(rows.map((row) => samples[row] as readonly NamedTensor[]));
    const result = await inferTensors(run, inputs, [spec.output, ...extraOutputs], options);
    computeUs += result.computeUs;
    const parts = cutIntoRows(result.outputs.slice(1), rows.length);
    const values = decisionValues(result, spec, rows.length);
    for (const [i, row] of rows.entries()) {
      output.set(values.subarray(i * width, (i + 1) * width), row * width);
      extras[row] = parts[i] ?? [];
    }
  }
  return { output, width, computeUs, ...(extraOutputs.length > 0 ? { extras } : {}) };
}

/** Indices of the samples of each run. */
function together(spec: TensorsSpec, samples: readonly (readonly NamedTensor[])[]): number[][] {
  if (!isStackable(spec.inputs)) return samples.map((_, row) => [row]);
  const groups = new Map<string, number[]>();
  for (const [row, sample] of samples.entries()) {
    const key = JSON.stringify(sample.map(({ name, dtype, shape }) => [name, dtype, shape.slice(1)]).sort());
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}

function stacked(samples: readonly (readonly NamedTensor[])[]): readonly NamedTensor[] {
  const [first = []] = samples;
  if (samples.length === 1) return first;
  return first.map(({ name }) =>
    concatenate(samples.flatMap((sample) => sample.filter((tensor) => tensor.name === name))),
  );
}

function decisionValues({ outputs }: InferResult, spec: TensorsSpec, rows: number): Float32Array {
  const [output] = outputs;
  const values = output?.data;
  const wanted = rows * spec.outputWidth;
  if (!(values instanceof Float32Array) || values.length !== wanted) {
    const given = `${output?.dtype} [${output?.shape.join(', ')}]`;
    throw agentError(
      'ENGINE_OUTPUT_INVALID',
      `"${spec.output}" is ${given}, not ${wanted} values of float32`,
    );
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw agentError('ENGINE_OUTPUT_INVALID', `output ${bad % spec.outputWidth} is ${values[bad]}`);
  return values;
}
