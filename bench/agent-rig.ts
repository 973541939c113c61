/** The agent's own engine, pipeline, monitor and store, joined as in agent/main.ts, with one slot and a source that the bench plays. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../agent/clock.ts';
import { deviceConfigSchema } from '../agent/config/schema.ts';
import { EngineProcess } from '../agent/inference/engine-client.ts';
import { InferenceFigures } from '../agent/monitor/inference-figures.ts';
import { SlotMonitor } from '../agent/monitor/slot-monitor.ts';
import { Pipeline } from '../agent/pipeline/pipeline.ts';
import type { Sample } from '../agent/sources/source.ts';
import { openStore } from '../agent/store/open-store.ts';
import { Counters } from '../daemon/counters.ts';
import type { BenchModel } from './bench-model.ts';
import { paced } from './result.ts';

const SLOT = 'bench';
const SOURCE = 'played';

export class AgentRig {
  readonly engine: EngineProcess;
  readonly #model: BenchModel;
  readonly #store: ReturnType<typeof openStore>;
  readonly #pipeline: Pipeline;
  readonly #dataDir: string;
  readonly #latencies: number[] = [];
  readonly #samples: Sample[];

  private constructor(model: BenchModel, maxRows: number) {
    this.#model = model;
    this.#samples = samplesOf(model);
    this.#dataDir = mkdtempSync(join(tmpdir(), 'andon-bench-engine-'));
    const clock = systemClock;
    const counters = new Counters();
    const log = pino({ level: 'silent' });
    const config = deviceConfigSchema.parse({
      device: { id: 'bench-engine' },
      dataDir: this.#dataDir,
      sources: { [SOURCE]: { kind: 'simulated-line' } },
      slots: { [SLOT]: { source: SOURCE, model: model.folder, batch: { maxRows } } },
    });
    this.#store = openStore({ folder: this.#dataDir, ...config.store, clock, log, counters });
    this.engine = new EngineProcess({ ...config.engine, clock, log, counters });
    const active = { champion: model, challenger: null };
    const models = { of: () => active };
    const monitor = new SlotMonitor({
      slot: SLOT,
      config: { source: SOURCE, drift: { window: 500, psi: 0.25 } },
      models,
      predictions: this.#store.predictions,
      tell: () => undefined,
      sourceChange: () => null,
      clock,
    });
    this.#pipeline = new Pipeline({
      config,
      models,
      engine: this.engine,
      recorder: this.#store.recorder,
      monitorOf: () => ({
        health: (values, timeMs) => monitor.health(values, timeMs),
        observe: (values) => monitor.observe(values),
        predicted: (latenciesUs, labels) => {
          this.#latencies.push(...latenciesUs);
          monitor.predicted(latenciesUs, labels);
        },
      }),
      observe: () => undefined,
      figures: new InferenceFigures(clock),
      onLineEvent: () => undefined,
      clock,
      log,
      counters,
    });
  }

  static async open(model: BenchModel, { maxRows }: { readonly maxRows: number }): Promise<AgentRig> {
    const rig = new AgentRig(model, maxRows);
    await rig.engine.start();
    await rig.engine.load(model);
    return rig;
  }

  /** @returns committed predictions a second */
  async perSecond(samples: number): Promise<number> {
    const sink = this.#pipeline.sinkOf(SOURCE);
    const goal = this.#store.streams.head('predictions') + samples;
    const started = performance.now();
    for (let i = 0; i < samples; i++) {
      if (!sink.hasRoom()) await sink.ready();
      sink.sample(this.#samples[i % this.#samples.length] as Sample);
    }
    while (this.#store.streams.head('predictions') < goal) await new Promise((next) => setTimeout(next, 1));
    return (samples / (performance.now() - started)) * 1000;
  }

  /** Through the engine and back as the lane sends them, with no store. @returns rows a second */
  async enginePerSecond(batch: number, forMs: number): Promise<number> {
    const { rows, manifestSha256 } = this.#model;
    const width = rows[0]?.length ?? 0;
    let done = 0;
    const started = performance.now();
    const play = async (): Promise<void> => {
      while (performance.now() - started < forMs) {
        const data = new Float32Array(batch * width);
        for (let i = 0; i < batch; i++) data.set(rows[i % rows.length] ?? [], i * width);
        const { output } = await this.engine.run(manifestSha256, { rows: batch, data });
        if (output.length === 0) throw new Error('no output');
        done += batch;
      }
    };
    // The engine works on one batch while the next one lies ready.
    await Promise.all([play(), play()]);
    return (done / (performance.now() - started)) * 1000;
  }

  /** @returns sample accepted to decision made, microseconds */
  async pacedUs(): Promise<number[]> {
    this.#latencies.length = 0;
    const sink = this.#pipeline.sinkOf(SOURCE);
    await paced(async (i) => sink.sample(this.#samples[i % this.#samples.length] as Sample));
    return [...this.#latencies];
  }

  async close(): Promise<void> {
    await this.#pipeline.drain();
    await this.engine.stop();
    await this.#store.close();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }
}

function samplesOf({ manifest: { input }, rows }: BenchModel): Sample[] {
  const names = 'features' in input ? input.features.map(({ name }) => name) : [];
  return rows.map((row) => ({
    source: SOURCE,
    timeMs: Date.now(),
    correlationId: null,
    features: Object.fromEntries(names.map((name, i) => [name, row[i] ?? 0])),
    ...(names.length === 0 ? { tensor: row } : {}),
  }));
}
