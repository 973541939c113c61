/** Slots of hand-made packages behind a real engine process, asked without the lane's queue and record. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { systemClock } from '../../../../agent/clock.ts';
import { Counters } from '../../../../agent/counters.ts';
import { addOipRoutes } from '../../../../agent/http/oip/oip-routes.ts';
import { EngineProcess } from '../../../../agent/inference/engine-client.ts';
import type { ActiveModel, SlotModels } from '../../../../agent/models/active-models.ts';
import type { Ask, Asked } from '../../../../agent/pipeline/ask.ts';
import { CachedEngine } from '../../../../agent/pipeline/cached-engine.ts';
import { decide } from '../../../../agent/pipeline/decide.ts';
import { baselineProfileSchema } from '../../../../protocol/manifest.ts';
import { hashOf, manifestOf, writePackage } from '../../../support/packages.ts';

export class EngineLane {
  readonly counters = new Counters();
  readonly asks: Ask[] = [];
  readonly slots = new Map<string, SlotModels | undefined>();
  readonly app: FastifyInstance;
  alive = true;
  readonly #folder = mkdtempSync(join(tmpdir(), 'andon-oip-'));
  readonly #engine: EngineProcess;
  readonly #answering: Pick<EngineProcess, 'run'>;

  constructor({ cached = false } = {}) {
    const log = pino({ level: 'silent' });
    this.#engine = new EngineProcess({
      threads: 1,
      timeoutMs: 10_000,
      log,
      clock: systemClock,
      counters: this.counters,
    });
    this.#answering = cached
      ? new CachedEngine({
          engine: this.#engine,
          maxBytes: 1_000_000,
          clock: systemClock,
          onLookup: () => undefined,
        })
      : this.#engine;
    this.app = Fastify();
    this.app.register(
      async (app) =>
        addOipRoutes(app, {
          slots: new Map([
            ['press', { maxRows: 64, cached }],
            ['empty', { maxRows: 64, cached }],
          ]),
          models: { of: (slot) => this.slots.get(slot) },
          ask: (slot, ask) => this.#ask(slot, ask),
          engineAlive: () => this.alive,
          agentVersion: '1.2.3',
          clock: systemClock,
          log,
          counters: this.counters,
        }),
      { prefix: '/v2' },
    );
  }

  async start(champion: Map<string, Buffer>, challenger?: Map<string, Buffer>): Promise<void> {
    await this.#engine.start();
    this.slots.set('press', {
      champion: await this.#load(champion),
      challenger: challenger ? { model: await this.#load(challenger), share: 0.1, rolloutId: 'r1' } : null,
    });
  }

  async stop(): Promise<void> {
    await this.app.close();
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

  async #ask(slot: string, ask: Ask): Promise<Asked> {
    this.asks.push(ask);
    const champion = this.slots.get(slot)?.champion;
    if (!champion) throw new RangeError(`no model in "${slot}"`);
    const { output, width, computeUs } = await this.#answering.run(champion.manifestSha256, ask);
    const { decision } = champion.manifest.output;
    return {
      model: champion.manifestSha256,
      version: champion.manifest.version,
      role: 'champion',
      output,
      width,
      decisions: Array.from({ length: ask.rows }, (_, row) => {
        const { label, score } = decide(decision, output, row);
        return { label: decision.labels[label] ?? '', score };
      }),
      predictionIds: null,
      queueUs: 0,
      computeUs,
      batchRows: ask.rows,
    };
  }
}
