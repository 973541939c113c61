/** Slots of hand-made packages behind real lanes and a real engine process; nothing is recorded. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { systemClock } from '../../../../agent/clock.ts';
import { deviceConfigSchema } from '../../../../agent/config/schema.ts';
import { OipModels } from '../../../../agent/http/oip/oip-models.ts';
import { addOipRoutes } from '../../../../agent/http/oip/oip-routes.ts';
import { EngineProcess } from '../../../../agent/inference/engine-client.ts';
import type { ActiveModel, SlotModels } from '../../../../agent/models/active-models.ts';
import { InferenceFigures } from '../../../../agent/monitor/inference-figures.ts';
import type { Ask } from '../../../../agent/pipeline/ask.ts';
import { Pipeline } from '../../../../agent/pipeline/pipeline.ts';
import { Counters } from '../../../../daemon/counters.ts';
import { baselineProfileSchema } from '../../../../protocol/manifest.ts';
import { hashOf, manifestOf, writePackage } from '../../../support/packages.ts';

export class EngineLane {
  readonly counters = new Counters();
  readonly asks: Ask[] = [];
  readonly slots = new Map<string, SlotModels | undefined>();
  readonly app: FastifyInstance;
  readonly models: OipModels;
  alive = true;
  readonly #folder = mkdtempSync(join(tmpdir(), 'andon-oip-'));
  readonly #engine: EngineProcess;
  readonly #pipeline: Pipeline;

  constructor({ cached = false } = {}) {
    const log = pino({ level: 'silent' });
    const { counters } = this;
    this.#engine = new EngineProcess({ threads: 1, timeoutMs: 10_000, log, clock: systemClock, counters });
    const figures = new InferenceFigures(systemClock);
    const models = { of: (slot: string) => this.slots.get(slot) };
    const slot = {
      source: 'line',
      model: 'tiny',
      requests: { record: false },
      ...(cached ? { cache: { maxBytes: 1_000_000 } } : {}),
    };
    const config = deviceConfigSchema.parse({
      device: { id: 'd1' },
      sources: { line: { kind: 'simulated-line' } },
      slots: { press: slot, empty: slot },
    });
    this.#pipeline = new Pipeline({
      config,
      models,
      engine: this.#engine,
      recorder: { predictions: async () => [] },
      monitorOf: () => ({ health: () => 0, observe: () => undefined, predicted: () => undefined }),
      observe: () => undefined,
      figures,
      onLineEvent: () => undefined,
      clock: systemClock,
      log,
      counters,
    });
    this.app = Fastify();
    const deps = {
      slots: new Map(Object.keys(config.slots).map((name) => [name, { maxRows: 64 }])),
      models,
      ask: (name: string, ask: Ask) => {
        this.asks.push(ask);
        return this.#pipeline.ask(name, ask);
      },
      figures,
      signature: (model: string) => this.#engine.signature(model),
      engineAlive: () => this.alive,
      agentVersion: '1.2.3',
      clock: systemClock,
      log,
      counters,
    };
    this.models = new OipModels(deps);
    this.app.register(async (app) => addOipRoutes(app, this.models, deps), { prefix: '/v2' });
  }

  async start(champion: Map<string, Buffer>, challenger?: Map<string, Buffer>): Promise<void> {
    await this.#engine.start();
    this.slots.set('press', {
      champion: await this.#load(champion),
      challenger: challenger ? { model: await this.#load(challenger), share: 0, rolloutId: 'r1' } : null,
    });
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.#pipeline.drain();
    await this.#engine.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #load(files: Map<string, Buffer>): Promise<ActiveModel> {
    const manifestSha256 = hashOf(files);
    const model = {
      manifestSha256,
      folder: writePackage(join(this.#folder, manifestSha256), files),
      manifest: manifestOf(files),
      baseline: baselineProfileSchema.parse(JSON.parse(String(files.get('baseline.json')))),
    };
    await this.#engine.load(model);
    return model;
  }
}
