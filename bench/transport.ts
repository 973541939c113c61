/**
 * Rows a second to an engine elsewhere and back, by three ways: the agent's engine process (raw frames over pipes), a child
 * process with structured clones, a worker thread that is handed its buffers; against a bare `session.run` loop in this process.
 * Batches of 256, as a lane sends them, two on the way; and what a lone sample takes at 200 a second.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { pino } from 'pino';
import { systemClock } from '../agent/clock.ts';
import { EngineProcess } from '../agent/inference/engine-client.ts';
import { Counters } from '../daemon/counters.ts';
import { sha256Hex } from '../protocol/keys.ts';
import { parseManifest } from '../protocol/package-verify.ts';
import { type BenchResult, median } from './result.ts';

const ROUNDS = 5;
const RUN_MS = 1000;
const BATCH = 256;
const IN_FLIGHT = 2;
const PACED_SAMPLES = 400;
const PACE_MS = 5;
const folder = resolve(import.meta.dirname, '..', 'models', 'steel-surface', '1');
const peer = new URL('./transport-peer.mjs', import.meta.url);

/** What transport-peer.mjs has to know of the model. */
interface PeerModel {
  readonly path: string;
  readonly input: string;
  readonly output: string;
  readonly width: number;
}

interface PeerBatch {
  readonly id: number;
  readonly rows: number;
  readonly data: Float32Array;
}

interface PeerAnswer {
  readonly id: number;
  readonly output: Float32Array;
}

/** One way to have rows answered. */
interface Way {
  run(rows: number, data: Float32Array): Promise<unknown>;
  end(): unknown;
}

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const manifestBytes = readFileSync(join(folder, 'manifest.json'));
  const manifest = parseManifest(manifestBytes);
  if (manifest.input.kind !== 'features') throw new Error('the model takes no features');
  const width = manifest.input.features.length;
  const model: PeerModel = {
    path: join(folder, manifest.model.file),
    input: manifest.input.tensor,
    output: manifest.output.tensor,
    width,
  };
  const ways = {
    bare: await bare(model),
    frames: await frames({ manifestSha256: sha256Hex(manifestBytes), folder, manifest }),
    clones: await clones(model),
    thread: await thread(model),
  };
  const names = Object.keys(ways) as (keyof typeof ways)[];
  const rates: Record<string, number[]> = {};
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      const row: string[] = [];
      for (const name of names) {
        const [batch, inFlight] = name === 'bare' ? [32, 1] : [BATCH, IN_FLIGHT];
        const rate = await rowsPerS(ways[name], batch, inFlight, width);
        rates[name] = [...(rates[name] ?? []), rate];
        row.push(`${name} ${Math.round(rate).toLocaleString('en')}`);
      }
      say(`round ${round}/${ROUNDS}, rows/s: ${row.join(', ')}`);
    }
    const rate = (name: string) => median(rates[name] ?? []);
    const lone = await loneUs(
      names.map((name) => ways[name]),
      width,
    );
    const loneOf = (name: keyof typeof ways) => lone[names.indexOf(name)] ?? Number.NaN;
    return {
      name: 'transport',
      ratios: {
        framesVsBareBatch32: rate('frames') / rate('bare'),
        clonesVsBareBatch32: rate('clones') / rate('bare'),
        threadVsBareBatch32: rate('thread') / rate('bare'),
      },
      figures: {
        bareBatch32PerS: rate('bare'),
        framesPerS: rate('frames'),
        clonesPerS: rate('clones'),
        threadPerS: rate('thread'),
        loneBareUs: loneOf('bare'),
        loneFramesUs: loneOf('frames'),
        loneClonesUs: loneOf('clones'),
        loneThreadUs: loneOf('thread'),
      },
      baseline: 'a bare session.run loop of batch 32 in this process; medians of five rounds in turn',
    };
  } finally {
    for (const way of Object.values(ways)) await way.end();
  }
}

async function rowsPerS(way: Way, batch: number, inFlight: number, width: number): Promise<number> {
  let done = 0;
  const started = performance.now();
  const feed = async () => {
    while (performance.now() - started < RUN_MS) {
      // A lane fills a new one each time.
      await way.run(batch, new Float32Array(batch * width));
      done += batch;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, feed));
  return (done / (performance.now() - started)) * 1000;
}

/** Medians, microseconds. In turn, so that what disturbs this machine disturbs all. */
async function loneUs(ways: readonly Way[], width: number): Promise<number[]> {
  const durations: number[][] = ways.map(() => []);
  for (let i = 0; i < PACED_SAMPLES; i++) {
    for (const [k, way] of ways.entries()) {
      await new Promise((next) => setTimeout(next, PACE_MS));
      const started = performance.now();
      await way.run(1, new Float32Array(width));
      durations[k]?.push((performance.now() - started) * 1000);
    }
  }
  return durations.map(median);
}

async function bare(model: PeerModel): Promise<Way> {
  const session = await InferenceSession.create(model.path, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  return {
    run: (rows, data) => session.run({ [model.input]: new Tensor('float32', data, [rows, model.width]) }),
    end: () => session.release(),
  };
}

async function frames(model: Parameters<EngineProcess['load']>[0]): Promise<Way> {
  const engine = new EngineProcess({
    threads: 1,
    timeoutMs: 10_000,
    log: pino({ level: 'silent' }),
    clock: systemClock,
    counters: new Counters(),
  });
  await engine.start();
  await engine.load(model);
  return {
    run: (rows, data) => engine.run(model.manifestSha256, { rows, data }),
    end: () => engine.stop(),
  };
}

async function clones(model: PeerModel): Promise<Way> {
  const child = fork(peer, [JSON.stringify(model)], {
    serialization: 'advanced',
  });
  const { run, answered, ready } = calls((batch) => child.send(batch));
  child.on('message', answered);
  await ready;
  return { run, end: () => child.disconnect() };
}

async function thread(model: PeerModel): Promise<Way> {
  const worker = new Worker(peer, { workerData: model });
  const { run, answered, ready } = calls((batch) =>
    worker.postMessage(batch, [batch.data.buffer as ArrayBuffer]),
  );
  worker.on('message', answered);
  await ready;
  return { run, end: () => worker.terminate() };
}

/** Questions and their answers over a channel that only carries messages. */
function calls(send: (batch: PeerBatch) => void) {
  const open = new Map<number, (answer: PeerAnswer) => void>();
  let id = 0;
  let onReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    onReady = resolve;
  });
  return {
    ready,
    run: (rows: number, data: Float32Array) =>
      new Promise<PeerAnswer>((resolve) => {
        id += 1;
        open.set(id, resolve);
        send({ id, rows, data });
      }),
    answered: (message: unknown) => {
      if (message === 'ready') return onReady();
      const answer = message as PeerAnswer;
      open.get(answer.id)?.(answer);
      open.delete(answer.id);
    },
  };
}
