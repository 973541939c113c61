/**
 * Durable predictions a second through the whole pipeline (validated, inferred in the engine process, decided, committed
 * with an fsync) against a bare `session.run` loop on the same model, and what a lone sample pays at 200 a second.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { pino } from 'pino';
import { systemClock } from '../agent/clock.ts';
import { deviceConfigSchema } from '../agent/config/schema.ts';
import { Counters } from '../agent/counters.ts';
import { EngineProcess } from '../agent/inference/engine-client.ts';
import type { ActiveModel, SlotModels } from '../agent/models/active-models.ts';
import { SlotMonitor } from '../agent/monitor/slot-monitor.ts';
import { Pipeline } from '../agent/pipeline/pipeline.ts';
import type { Sample } from '../agent/sources/source.ts';
import { openStore } from '../agent/store/open-store.ts';
import { sha256Hex } from '../protocol/keys.ts';
import { baselineProfileSchema, goldenSchema } from '../protocol/manifest.ts';
import { parseManifest } from '../protocol/package-verify.ts';
import { type BenchResult, median, quantile } from './result.ts';

const ROUNDS = 3;
const BARE_MS = 2000;
const SAMPLES = 300_000;
const PACED_SAMPLES = 1000;
const PACE_MS = 5;
const SLOT = 'surface';
const folder = resolve(import.meta.dirname, '..', 'models', 'steel-surface', '1');

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const bare = await BareLoop.open();
  const ours = await Ours.open();
  const bareRates: number[] = [];
  const bare32Rates: number[] = [];
  const ourRates: number[] = [];
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      bareRates.push(await bare.perSecond(1));
      bare32Rates.push(await bare.perSecond(32));
      ourRates.push(await ours.perSecond());
      say(
        `round ${round}/${ROUNDS}: bare ${rounded(bareRates)}/s, bare by 32 ${rounded(bare32Rates)}/s, durable ${rounded(ourRates)}/s`,
      );
    }
    const bareUs = await bare.pacedUs();
    const ourUs = await ours.pacedUs();
    const bareP50 = median(bareUs);
    return {
      name: 'engine',
      ratios: {
        durableVsBare: median(ourRates) / median(bareRates),
        engineVsBareBatch32: median(ourRates) / median(bare32Rates),
      },
      figures: {
        durablePerS: median(ourRates),
        barePerS: median(bareRates),
        bareBatch32PerS: median(bare32Rates),
        overheadP50Us: median(ourUs) - bareP50,
        overheadP99Us: quantile(ourUs, 0.99) - bareP50,
        bareP50Us: bareP50,
      },
      baseline:
        'a bare session.run loop in this process, same model: by one, by 32; overhead against the bare median at the same 200 samples/s',
    };
  } finally {
    await ours.close();
  }
}

function rounded(rates: readonly number[]): string {
  return Math.round(rates.at(-1) ?? 0).toLocaleString('en');
}

const manifestBytes = readFileSync(join(folder, 'manifest.json'));
const manifest = parseManifest(manifestBytes);
const golden = goldenSchema.parse(JSON.parse(readFileSync(join(folder, manifest.golden.file), 'utf8')));
const inputName = 'tensor' in manifest.input ? manifest.input.tensor : '';
const rows = golden.samples.map(({ input }) => Float32Array.from(input));

class BareLoop {
  readonly #session: InferenceSession;

  constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async open(): Promise<BareLoop> {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
    return new BareLoop(await InferenceSession.create(join(folder, manifest.model.file), options));
  }

  /** @returns rows a second */
  async perSecond(batch: number): Promise<number> {
    const width = rows[0]?.length ?? 0;
    const data = new Float32Array(batch * width);
    for (let i = 0; i < batch; i++) data.set(rows[i % rows.length] ?? [], i * width);
    let done = 0;
    const started = performance.now();
    while (performance.now() - started < BARE_MS) {
      await this.#run(new Tensor('float32', data, [batch, width]));
      done += batch;
    }
    return (done / (performance.now() - started)) * 1000;
  }

  /** @returns durations, microseconds */
  async pacedUs(): Promise<number[]> {
    const durations: number[] = [];
    await paced(async (i) => {
      const row = rows[i % rows.length] as Float32Array;
      const started = performance.now();
      await this.#run(new Tensor('float32', row, [1, row.length]));
      durations.push((performance.now() - started) * 1000);
    });
    return durations;
  }

  async #run(tensor: Tensor): Promise<void> {
    const result = await this.#session.run({ [inputName]: tensor });
    if (!result[manifest.output.tensor]) throw new Error('no output');
  }
}

/** The agent's own engine, pipeline, monitor and store, joined as in agent/main.ts. */
class Ours {
  readonly #engine: EngineProcess;
  readonly #store: ReturnType<typeof openStore>;
  readonly #pipeline: Pipeline;
  readonly #dataDir: string;
  readonly #latencies: number[];
  readonly #samples: Sample[];

  constructor(parts: {
    engine: EngineProcess;
    store: ReturnType<typeof openStore>;
    pipeline: Pipeline;
    dataDir: string;
    latencies: number[];
  }) {
    this.#engine = parts.engine;
    this.#store = parts.store;
    this.#pipeline = parts.pipeline;
    this.#dataDir = parts.dataDir;
    this.#latencies = parts.latencies;
    const names = 'features' in manifest.input ? manifest.input.features.map(({ name }) => name) : [];
    this.#samples = rows.map((row) => ({
      source: 'bench',
      timeMs: Date.now(),
      correlationId: null,
      features: Object.fromEntries(names.map((name, i) => [name, row[i] ?? 0])),
    }));
  }

  static async open(): Promise<Ours> {
    const dataDir = mkdtempSync(join(tmpdir(), 'andon-bench-engine-'));
    const clock = systemClock;
    const counters = new Counters();
    const log = pino({ level: 'silent' });
    const config = deviceConfigSchema.parse({
      device: { id: 'bench-engine' },
      dataDir,
      sources: { bench: { kind: 'simulated-line' } },
      slots: { [SLOT]: { source: 'bench', model: folder } },
    });
    const store = openStore({ folder: dataDir, ...config.store, clock, log, counters });
    const engine = new EngineProcess({ ...config.engine, clock, log, counters });
    await engine.start();
    const champion: ActiveModel = {
      manifest,
      manifestSha256: sha256Hex(manifestBytes),
      folder,
      baseline: baselineProfileSchema.parse(
        JSON.parse(readFileSync(join(folder, manifest.baselineProfile), 'utf8')),
      ),
    };
    await engine.load(champion);
    const active: SlotModels = { champion, challenger: null };
    const models = { of: () => active };
    const slotConfig = config.slots[SLOT];
    if (!slotConfig) throw new Error('no slot');
    const monitor = new SlotMonitor({
      slot: SLOT,
      config: slotConfig,
      models,
      predictions: store.predictions,
      tell: () => undefined,
      clock,
    });
    const latencies: number[] = [];
    const pipeline = new Pipeline({
      config,
      models,
      engine,
      recorder: store.recorder,
      monitorOf: () => ({
        health: (values, timeMs) => monitor.health(values, timeMs),
        observe: (values) => monitor.observe(values),
        predicted: (latenciesUs) => {
          latencies.push(...latenciesUs);
          monitor.predicted(latenciesUs);
        },
      }),
      observe: () => undefined,
      onLineEvent: () => undefined,
      clock,
      log,
      counters,
    });
    return new Ours({ engine, store, pipeline, dataDir, latencies });
  }

  /** @returns committed predictions a second */
  async perSecond(): Promise<number> {
    const sink = this.#pipeline.sinkOf('bench');
    const goal = this.#store.streams.head('predictions') + SAMPLES;
    const started = performance.now();
    for (let i = 0; i < SAMPLES; i++) {
      if (!sink.hasRoom()) await sink.ready();
      sink.sample(this.#samples[i % this.#samples.length] as Sample);
    }
    while (this.#store.streams.head('predictions') < goal) await new Promise((next) => setTimeout(next, 1));
    return (SAMPLES / (performance.now() - started)) * 1000;
  }

  /** @returns sample accepted to decision made, microseconds */
  async pacedUs(): Promise<number[]> {
    this.#latencies.length = 0;
    const sink = this.#pipeline.sinkOf('bench');
    await paced(async (i) => sink.sample(this.#samples[i % this.#samples.length] as Sample));
    return [...this.#latencies];
  }

  async close(): Promise<void> {
    await this.#pipeline.drain();
    await this.#engine.stop();
    await this.#store.close();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }
}

/** Calls `each` 200 times a second, for 5 s. */
async function paced(each: (i: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < PACED_SAMPLES; i++) {
    await each(i);
    await new Promise((next) => setTimeout(next, PACE_MS));
  }
}
