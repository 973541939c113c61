/**
 * The engine process: ONNX Runtime alone with the agent's requests, so that what kills it kills nothing else.
 * The only importer of onnxruntime-node. Started by engine-spawn.ts; its first message are its options.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import type { CodedError } from '../../protocol/errors.ts';
import { type AgentErrorCode, agentError } from '../errors.ts';
import {
  type EngineAnswer,
  type EngineRequest,
  type GraphOrigin,
  type LoadRequest,
  parseRequest,
  parseStart,
} from './engine-messages.ts';
import { openRequests, send } from './engine-pipes.ts';
import type { GraphCache, GraphSource, Opened } from './graph-cache.ts';
import {
  type GraphSpec,
  type GraphValue,
  graphMismatch,
  type RowSpec,
  runsOneByOne,
  zeros,
} from './graph-spec.ts';
import { decodeImages, type Unreadable } from './image-decoder.ts';
import { yieldToTheAgent } from './process-priority.ts';
import { type RowsRun, runRows } from './row-run.ts';
import { type EngineOptions, openGraphCache, sessionOptions } from './session-options.ts';
import { decodedTensor, feedData, signatureOf, warmUpInputs } from './session-tensors.ts';
import type { GraphSignature, NamedTensor } from './tensor.ts';
import { firstNotFinite, inputsProblem } from './tensor-check.ts';

const MEMORY_EVERY_MS = 1000;

interface Loaded {
  readonly session: InferenceSession;
  readonly spec: GraphSpec;
  /** The graph was exported with a batch of one. */
  readonly oneByOne: boolean;
}

interface Setting {
  readonly options: EngineOptions;
  readonly graphCache: GraphCache | undefined;
}

/** Undefined until the agent has told it. */
let setting: Setting | undefined;
// Node 24 has this array, and the binding takes it for an empty one: without it, it takes the bits as a Uint16Array.
Reflect.deleteProperty(globalThis, 'Float16Array');
const models = new Map<string, Loaded>();
let last: Promise<void> = Promise.resolve();

openRequests((message) => {
  last = last.then(() => (setting ? answer(setting, parseRequest(message)) : begin(message)));
});
// The agent decides when its engine ends: Ctrl-C and systemd signal the whole group while batches are still to be drained.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
yieldToTheAgent();
setInterval(sendMemory, MEMORY_EVERY_MS).unref();

function begin(message: unknown): void {
  const { options } = parseStart(message);
  setting = { options, graphCache: openGraphCache(options, env.versions.node ?? '') };
  const missing = missingProvider(options);
  send(missing ? { kind: 'unfit', ...missing } : { kind: 'ready' });
  sendMemory();
}

async function answer(setting: Setting, request: EngineRequest): Promise<void> {
  try {
    switch (request.kind) {
      case 'load':
        return done(request.id, await load(setting, request));
      case 'run':
        return send(await run(request));
      case 'infer':
        return send(await infer(request));
      case 'describe':
        return send({ kind: 'signature', id: request.id, signature: signature(loadedOf(request.model)) });
      case 'unload':
        await models.get(request.model)?.session.release();
        models.delete(request.model);
        return done(request.id);
      case 'measure':
        return done(request.id);
    }
  } catch (error) {
    const { code, message } = error as CodedError<AgentErrorCode>;
    send({ kind: 'failed', id: request.id, code, message });
  }
}

async function load(
  { options, graphCache }: Setting,
  { model, path, sha256, spec }: LoadRequest,
): Promise<GraphOrigin> {
  let bytes: Buffer;
  try {
    // From bytes that are hashed right here, not from the path: nothing can change the file in between, or pull in another.
    bytes = readFileSync(path);
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (hash !== sha256) throw new Error('the file is not the one that was verified');
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const open = (source: GraphSource) => openGraph(options, source, spec, path);
  const { opened, ...origin }: Opened<Loaded> = graphCache
    ? await graphCache.open({ bytes, sha256 }, open)
    : { opened: await open({ bytes, isOptimised: false }), from: 'model' };
  models.set(model, opened);
  return origin;
}

/** A session that has shown itself to be what the manifest says. @param path of its model */
async function openGraph(
  options: EngineOptions,
  source: GraphSource,
  spec: GraphSpec,
  path: string,
): Promise<Loaded> {
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(source.bytes, sessionOptions(options, source));
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const inputs = session.inputMetadata.map(graphValue);
  const mismatch = graphMismatch(spec, inputs, session.outputMetadata.map(graphValue));
  if (mismatch) {
    await session.release();
    throw agentError('ENGINE_INPUT_MISMATCH', mismatch);
  }
  const loaded = { session, spec, oneByOne: runsOneByOne(spec, inputs) };
  try {
    await warmUp(loaded);
  } catch (cause) {
    await session.release();
    throw unreadable(path, cause);
  }
  return loaded;
}

/** Two runs of different sizes: kernels are prepared, and a batch dimension that is free in name only shows itself. */
async function warmUp(loaded: Loaded): Promise<void> {
  const { spec } = loaded;
  for (const rows of [1, 2]) {
    if (spec.kind === 'rows') await runRows(rowsRun(loaded, spec), rows, zeros(spec, rows), []);
    else {
      const inputs = warmUpInputs(spec.inputs, rows);
      if (inputs) await runTensors(loaded, inputs, [spec.output]);
    }
  }
}

async function run(request: Extract<EngineRequest, { kind: 'run' }>): Promise<EngineAnswer> {
  const loaded = loadedOf(request.model);
  const { spec } = loaded;
  if (spec.kind !== 'rows') throw agentError('ENGINE_INPUT_MISMATCH', 'this model takes tensors, not rows');
  const startedMs = performance.now();
  const { data, unreadable } = await rowsOf(spec, request.data);
  let ran: Awaited<ReturnType<typeof runRows>>;
  try {
    ran = await runRows(rowsRun(loaded, spec), request.rows, data, request.extraOutputs ?? []);
  } catch (cause) {
    throw agentError('ENGINE_OUTPUT_INVALID', `the graph failed: ${wordsOf(cause)}`, { cause });
  }
  const computeUs = Math.round((performance.now() - startedMs) * 1000);
  const { output, extras } = ran;
  const bad = firstNotFinite(output);
  const width = spec.outputWidth;
  if (bad >= 0) {
    throw agentError(
      'ENGINE_OUTPUT_INVALID',
      `output ${bad % width} of row ${Math.floor(bad / width)} is ${output[bad]}`,
    );
  }
  return {
    kind: 'output',
    id: request.id,
    output,
    width,
    computeUs,
    ...(unreadable.length > 0 ? { unreadable } : {}),
    ...(extras.length > 0 ? { extras } : {}),
  };
}

function rowsRun(loaded: Loaded, spec: RowSpec): RowsRun {
  const run: RowsRun['run'] = (inputs, outputs) => runTensors(loaded, inputs, outputs);
  return { run, spec, oneByOne: loaded.oneByOne };
}

async function infer(request: Extract<EngineRequest, { kind: 'infer' }>): Promise<EngineAnswer> {
  const loaded = loadedOf(request.model);
  const problem = inputsProblem(signature(loaded).inputs, request.inputs);
  if (problem !== null) throw agentError('ENGINE_INPUT_MISMATCH', problem);
  const startedMs = performance.now();
  try {
    const outputs = await runTensors(loaded, request.inputs, request.outputs);
    const computeUs = Math.round((performance.now() - startedMs) * 1000);
    return { kind: 'outputs', id: request.id, outputs, computeUs };
  } catch (cause) {
    throw agentError('ENGINE_OUTPUT_INVALID', `the graph failed: ${wordsOf(cause)}`, { cause });
  }
}

async function runTensors(
  { session }: Loaded,
  inputs: readonly NamedTensor[],
  outputs: readonly string[] | null,
): Promise<NamedTensor[]> {
  const { outputNames } = session;
  const wanted = outputs?.filter((name) => outputNames.includes(name)) ?? outputNames;
  const feeds = inputs.map(({ name, dtype, data, shape }) => [
    name,
    new Tensor(dtype, feedData(data), shape),
  ]);
  const results = await session.run(Object.fromEntries(feeds), [...wanted]);
  return wanted.map((name) => decodedTensor(name, results[name]));
}

function signature({ session }: Loaded): GraphSignature {
  return signatureOf(session.inputMetadata.map(graphValue), session.outputMetadata.map(graphValue));
}

/** @throws CodedError MODEL_NOT_ACTIVE */
function loadedOf(model: string): Loaded {
  const loaded = models.get(model);
  if (!loaded) throw agentError('MODEL_NOT_ACTIVE', `model ${model.slice(0, 12)} is not loaded`);
  return loaded;
}

async function rowsOf(
  spec: RowSpec,
  data: Extract<EngineRequest, { kind: 'run' }>['data'],
): Promise<{ data: Float32Array | Uint8Array; unreadable: readonly Unreadable[] }> {
  if (data instanceof Float32Array || data instanceof Uint8Array) return { data, unreadable: [] };
  if (!spec.image) throw agentError('ENGINE_INPUT_MISMATCH', 'this model takes no pictures');
  return decodeImages(spec.image, data);
}

function graphValue(value: InferenceSession.ValueMetadata): GraphValue {
  return value.isTensor
    ? { name: value.name, dtype: value.type, shape: value.shape }
    : { name: value.name, dtype: undefined, shape: [] };
}

function unreadable(path: string, cause: unknown): CodedError<AgentErrorCode> {
  return agentError('ENGINE_MODEL_UNREADABLE', `${path}: ${wordsOf(cause)}`, { cause });
}

function wordsOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 300);
}

function missingProvider({
  executionProvider,
}: EngineOptions): { code: AgentErrorCode; message: string; hint: string } | undefined {
  const there = listSupportedBackends().flatMap(({ name, bundled }) => (bundled ? [name] : []));
  if (there.includes(executionProvider)) return undefined;
  return {
    code: 'ENGINE_PROVIDER_MISSING',
    message: `engine.executionProvider is "${executionProvider}", which this build of ONNX Runtime does not have`,
    hint: `Set engine.executionProvider to one that is there: ${there.join(', ')}.`,
  };
}

function done(id: number, graph?: GraphOrigin): void {
  send({ kind: 'done', id, rssBytes: process.memoryUsage.rss(), ...(graph ? { graph } : {}) });
}

function sendMemory(): void {
  send({ kind: 'memory', rssBytes: process.memoryUsage.rss() });
}
