import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { systemClock } from '../../../agent/clock.ts';
import { deviceConfigSchema } from '../../../agent/config/schema.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import type { ActiveModel, SlotModels } from '../../../agent/models/active-models.ts';
import type { LaneMonitor } from '../../../agent/pipeline/lane-monitor.ts';
import { Pipeline } from '../../../agent/pipeline/pipeline.ts';
import type { Sample, SampleSink } from '../../../agent/sources/source.ts';
import { openStore } from '../../../agent/store/open-store.ts';
import type { StoredPrediction } from '../../../agent/store/records.ts';
import type { Store } from '../../../agent/store/store.ts';
import { Counters } from '../../../daemon/counters.ts';
import { modelIn, type PackageOptions } from '../../support/packages.ts';
import { waitFor } from '../../support/wait-for.ts';

type SlotInput = NonNullable<z.input<typeof deviceConfigSchema>['slots'][string]>;

const log = pino({ level: 'silent' });
const SLOT = 'press';
const SOURCE = 'line';

let folder: string;
let store: Store;
let engine: EngineProcess;
let pipeline: Pipeline;
let sink: SampleSink;
let counters: Counters;
let models: SlotModels | undefined;
let observed: { model: string; outcome: string; count: number }[];
let committed: StoredPrediction[];
/** What a test does when the lane tells how a model did. */
let onObserve: (model: string, outcome: string) => void;

class CountingMonitor implements LaneMonitor {
  rows = 0;
  health = (values: ArrayLike<number>) => ((values[0] ?? 0) > 100 ? 2 : 0);
  observe = () => {
    this.rows += 1;
  };
  predicted = () => undefined;
}
let monitor: CountingMonitor;
let loaded: Set<string>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-pipeline-'));
  loaded = new Set();
  counters = new Counters();
  models = undefined;
  observed = [];
  committed = [];
  onObserve = () => undefined;
  monitor = new CountingMonitor();
  store = openStore({
    folder,
    maxBytes: 16 * 1024 * 1024,
    commitWithinMs: 2,
    clock: systemClock,
    log,
    counters,
  });
});

// One engine for all: every test loads its own models into it.
beforeAll(async () => {
  engine = new EngineProcess({
    threads: 1,
    timeoutMs: 5000,
    log,
    clock: systemClock,
    counters: new Counters(),
  });
  await engine.start();
});
afterAll(() => engine.stop());

afterEach(async () => {
  await Promise.all([...loaded].map((model) => engine.unload(model)));
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(
  slot: Partial<SlotInput> = {},
  recorder: Pick<Store['recorder'], 'predictions'> = store.recorder,
): void {
  const { slots } = deviceConfigSchema.parse({
    device: { id: 'd1' },
    sources: { [SOURCE]: { kind: 'simulated-line' } },
    slots: { [SLOT]: { source: SOURCE, model: 'm', ...slot } },
  });
  pipeline = new Pipeline({
    config: { slots },
    models: { of: () => models },
    engine,
    recorder,
    positionOf: (...place) => store.predictions.position(...place),
    monitorOf: () => monitor,
    observe: (_slot, model, outcome, count) => {
      observed.push({ model, outcome, count });
      onObserve(model, outcome);
    },
    onLineEvent: () => undefined,
    clock: systemClock,
    log,
    counters,
  });
  pipeline.onCommitted((_slot, predictions) => committed.push(...predictions));
  sink = pipeline.sinkOf(SOURCE);
}

/** Weights 1, -1 and a sigmoid unless it says otherwise. */
async function load(options: PackageOptions = {}): Promise<ActiveModel> {
  const model = modelIn(folder, options);
  await engine.load(model);
  loaded.add(model.manifestSha256);
  return model;
}

function sample(i: number, features: Sample['features'] = { a: i % 7, b: 3 }, position?: number): Sample {
  const place = position === undefined ? {} : { position };
  return { source: SOURCE, timeMs: 1_700_000_000_000 + i, correlationId: `p${i}`, features, ...place };
}

function play(champion: ActiveModel, challenger: SlotModels['challenger'] = null): void {
  models = { champion, challenger };
}

const all = () => store.streams.read('predictions', 0, 4096).records;

describe('the pipeline', () => {
  it('records every sample once, in order, with the model’s decision', async () => {
    open({ batch: { maxRows: 64, maxQueued: 4096 } });
    play(await load());
    for (let i = 0; i < 1000; i++) sink.sample(sample(i));
    await pipeline.drain();
    expect(committed.map((p) => p.correlationId)).toEqual(Array.from({ length: 1000 }, (_, i) => `p${i}`));
    for (const [i, p] of committed.entries()) {
      expect(p.score).toBeCloseTo(1 / (1 + Math.exp(-((i % 7) - 3))), 5);
      expect(p.label).toBe(p.score >= 0.5 ? 1 : 0);
      expect(p).toMatchObject({ role: 'champion', slot: SLOT, health: 0, pairOf: 0 });
    }
    expect(observed.reduce((sum, o) => sum + (o.outcome === 'ok' ? o.count : 0), 0)).toBe(1000);
    expect(monitor.rows).toBe(1000);
  });

  it('answers a lone sample without waiting for others', async () => {
    open();
    play(await load());
    sink.sample(sample(1));
    await waitFor('committed', () => committed.length === 1);
    expect(committed[0]?.latencyUs).toBeLessThan(10_000_000);
  });

  it('counts what it cannot use, goes on, and moves the position over it', async () => {
    open();
    play(await load());
    sink.sample(sample(1, { a: 1, b: 1 }, 1));
    sink.sample(sample(2, { a: 'wet', b: 1 }, 2));
    sink.sample(sample(3, { a: Number.NaN, b: 1 }, 3));
    await pipeline.drain();
    expect(committed).toHaveLength(1);
    expect(counters.get('SAMPLE_INVALID')).toBe(2);
    expect(store.predictions.position(SLOT, SOURCE)).toBe(3);
  });

  it('drains to the last commit when the newest samples give nothing to record', async () => {
    let commit: () => void = () => undefined;
    const handedOver = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let batches = 0;
    open(
      {},
      {
        predictions: async (batch) => {
          batches += 1;
          await handedOver;
          return store.recorder.predictions(batch);
        },
      },
    );
    play(await load());
    sink.sample(sample(1));
    await waitFor('handed to the recorder', () => batches === 1);
    sink.sample(sample(2, { a: null, b: 1 }));
    await waitFor('refused', () => counters.get('SAMPLE_INVALID') === 1);
    setTimeout(commit);
    await pipeline.drain();
    expect(committed.map((p) => p.correlationId)).toEqual(['p1']);
  });

  it('does not answer twice what a source reads again after a restart', async () => {
    open();
    play(await load());
    for (const position of [1, 2, 3]) sink.sample(sample(position, { a: 1, b: 1 }, position));
    await pipeline.drain();
    open();
    for (const position of [2, 3, 4]) sink.sample(sample(position, { a: 1, b: 1 }, position));
    await pipeline.drain();
    expect(committed.map((p) => p.correlationId)).toEqual(['p1', 'p2', 'p3', 'p4']);
  });

  it('flags what the monitor finds unhealthy, and keeps it', async () => {
    open();
    play(await load());
    sink.sample(sample(1, { a: 101, b: 1 }));
    await pipeline.drain();
    expect(committed[0]?.health).toBe(2);
  });

  it('keeps the tags of samples, and lets a stated share of what would be rejected go on', async () => {
    open({ exploration: { share: 0.25, labels: ['failure'] } });
    play(await load());
    const tags = { shift: 'early', product: 'A' };
    for (let i = 0; i < 700; i++) sink.sample({ ...sample(i), ...(i % 2 === 0 ? { tags } : {}) });
    await pipeline.drain();
    const records = all();
    expect(records.map((p) => p.tags)).toEqual(records.map((_, i) => (i % 2 === 0 ? tags : {})));
    const rejected = records.filter(({ label }) => label === 1);
    expect(new Set(rejected.map(({ propensity }) => propensity))).toEqual(new Set([0.25]));
    const explored = rejected.filter((p) => p.explored).length / rejected.length;
    expect(explored).toBeGreaterThan(0.15);
    expect(explored).toBeLessThan(0.35);
    const passed = records.filter(({ label }) => label === 0);
    expect(passed.every((p) => p.propensity === 1 && !p.explored)).toBe(true);
  });

  it('gives a shadow the circumstances of the prediction that decided', async () => {
    open({ exploration: { share: 0.5, labels: ['failure'] } });
    const challenger = await load({ version: 2 });
    play(await load(), { model: challenger, share: 0, rolloutId: 'r' });
    for (let i = 0; i < 100; i++) sink.sample({ ...sample(i), tags: { shift: 'late' } });
    await pipeline.drain();
    const records = all();
    for (const shadow of records.filter(({ role }) => role === 'shadow')) {
      const decider = records.find(({ seq }) => seq === shadow.pairOf);
      const { tags, propensity, explored } = shadow;
      expect({ tags, propensity, explored }).toEqual({
        tags: { shift: 'late' },
        propensity: decider?.propensity,
        explored: decider?.explored,
      });
    }
    expect(records.filter(({ explored }) => explored).length).toBeGreaterThan(0);
  });

  it('keeps features only where the slot’s config says so', async () => {
    open({ keepFeatures: true });
    play(await load());
    sink.sample(sample(1, { a: 1, b: 2 }));
    await pipeline.drain();
    expect(all()[0]?.features).toEqual([1, 2]);
    open({});
    sink.sample(sample(2, { a: 1, b: 2 }));
    await pipeline.drain();
    expect(all()[1]?.features).toBeNull();
  });

  it('pushes back when its queue is full, counts what comes nevertheless, and says when there is room', async () => {
    open({ batch: { maxRows: 4, maxQueued: 8 } });
    for (let i = 0; i < 10; i++) sink.sample(sample(i));
    expect(sink.hasRoom()).toBe(false);
    expect(counters.get('SAMPLE_DROPPED')).toBe(2);
    let ready = false;
    const room = sink.ready().then(() => {
      ready = true;
    });
    await Promise.resolve();
    expect(ready).toBe(false);
    play(await load());
    pipeline.modelsChanged();
    await room;
    await pipeline.drain();
    expect(committed).toHaveLength(8);
  });

  it('drops and counts what waits for a model that never came, without moving the position', async () => {
    open();
    sink.sample(sample(1, { a: 1, b: 1 }, 1));
    await pipeline.drain();
    expect(counters.get('SAMPLE_DROPPED')).toBe(1);
    expect(store.predictions.position(SLOT, SOURCE)).toBe(0);
  });

  it('lets the challenger decide its share, and pairs each sample with what the other model saw', async () => {
    open();
    const champion = await load();
    const challenger = await load({ version: 2, graph: { weights: [[-1, 1]] } });
    play(champion, { model: challenger, share: 0.3, rolloutId: 'r' });
    for (let i = 0; i < 600; i++) sink.sample(sample(i));
    await pipeline.drain();
    const records = all();
    expect(records).toHaveLength(1200);
    for (let i = 0; i < records.length; i += 2) {
      const [deciding, shadow] = [records[i], records[i + 1]];
      expect(shadow).toMatchObject({
        role: 'shadow',
        pairOf: deciding?.seq,
        correlationId: deciding?.correlationId,
      });
      const isCanary = deciding?.role === 'canary';
      expect(deciding?.model).toBe((isCanary ? challenger : champion).manifestSha256);
      expect(shadow?.model).toBe((isCanary ? champion : challenger).manifestSha256);
      expect((deciding?.score ?? 0) + (shadow?.score ?? 0)).toBeCloseTo(1, 5);
    }
    const canaries = committed.filter((p) => p.role === 'canary').length;
    expect(canaries).toBeGreaterThan(120);
    expect(canaries).toBeLessThan(240);
  });

  it('gives the champion’s answer when the challenger fails, or needs what the line does not have', async () => {
    open();
    const champion = await load();
    const nan = await load({ version: 2, graph: { weights: [[-1, 0]], bias: [-1], kind: 'sqrt' } });
    play(champion, { model: nan, share: 1, rolloutId: 'r' });
    sink.sample(sample(1));
    await waitFor('one', () => committed.length === 1);
    const wider = await load({ version: 3, graph: { weights: [[1, 1, 1]] } });
    play(champion, { model: wider, share: 1, rolloutId: 'r' });
    sink.sample(sample(2));
    await pipeline.drain();
    expect(committed.map((p) => p.role)).toEqual(['champion', 'champion']);
    expect(all()).toHaveLength(2);
    const errors = observed.filter((o) => o.outcome === 'error').map((o) => o.model);
    expect(errors).toEqual([nan.manifestSha256, wider.manifestSha256]);
  });

  it('misses no sample while models are swapped, and never mixes them in one sample', async () => {
    open({ batch: { maxRows: 8, maxQueued: 4096 } });
    const [one, two] = [await load(), await load({ version: 2, graph: { weights: [[-1, 1]] } })];
    for (let i = 0; i < 500; i++) {
      if (i % 10 === 0) play(i % 20 === 0 ? one : two);
      sink.sample(sample(i));
      if (i % 25 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await pipeline.drain();
    expect(committed).toHaveLength(500);
    const usual = (i: number) => 1 / (1 + Math.exp(-((i % 7) - 3)));
    for (const [i, p] of committed.entries()) {
      const expected = p.model === one.manifestSha256 ? usual(i) : 1 - usual(i);
      expect(p.score).toBeCloseTo(expected, 5);
    }
    expect(new Set(committed.map((p) => p.model)).size).toBe(2);
  });

  it('has the successor answer what a failing champion could not', async () => {
    open();
    const bad = await load({ graph: { weights: [[-1, 0]], bias: [-1], kind: 'sqrt' } });
    const good = await load({ version: 2 });
    play(bad);
    let errors = 0;
    onObserve = (_model, outcome) => {
      if (outcome === 'error' && ++errors === 3) play(good);
    };
    for (let i = 0; i < 50; i++) sink.sample(sample(i));
    await pipeline.drain();
    expect(committed.map((p) => p.model)).toEqual(new Array(48).fill(good.manifestSha256));
    expect(counters.get('SAMPLE_DROPPED')).toBe(2);
    expect(counters.get('ENGINE_OUTPUT_INVALID')).toBe(3);
  });

  it('loses only the row that a model cannot answer, not its batch', async () => {
    open();
    play(await load({ graph: { weights: [[1, -1]], kind: 'sqrt' } }));
    for (let i = 0; i < 64; i++) sink.sample(sample(i, { a: i === 40 ? 0 : 5, b: 1 }));
    await pipeline.drain();
    expect(committed).toHaveLength(63);
    expect(committed.map((p) => p.correlationId)).not.toContain('p40');
    expect(observed.filter((o) => o.outcome === 'error')).toEqual([expect.objectContaining({ count: 1 })]);
  });

  it('waits for the successor when a failing champion leaves none at first', async () => {
    open();
    const [bad, good] = [
      await load({ graph: { weights: [[-1, 0]], bias: [-1], kind: 'sqrt' } }),
      await load(),
    ];
    play(bad);
    onObserve = () => {
      if (models?.champion === bad) models = undefined;
    };
    sink.sample(sample(1));
    await waitFor('no model', () => models === undefined);
    play(good);
    pipeline.modelsChanged();
    await waitFor('answered', () => committed.length === 1);
    expect(committed[0]?.model).toBe(good.manifestSha256);
  });

  it('answers everything although the engine is killed on the way', async () => {
    open({ batch: { maxRows: 32, maxQueued: 4096 } });
    play(await load());
    for (let i = 0; i < 1500; i++) sink.sample(sample(i));
    await waitFor('some', () => committed.length > 0);
    process.kill(engine.pid ?? Number.NaN, 'SIGKILL');
    for (let i = 1500; i < 3000; i++) sink.sample(sample(i));
    await pipeline.drain();
    expect(committed).toHaveLength(3000);
    expect(committed.map((p) => p.correlationId)).toEqual(Array.from({ length: 3000 }, (_, i) => `p${i}`));
    expect(engine.status().restarts).toBe(1);
  });

  it('makes windows of one feature, predicts every stride, and moves the position in between', async () => {
    open();
    const features = [{ name: 'a', unit: '' }];
    const window = { kind: 'window' as const, tensor: 'input', features, length: 3, stride: 2 };
    const graph = { weights: [[1, 10, 100]], kind: 'linear' as const };
    play(await load({ graph, input: window }));
    for (let i = 1; i <= 6; i++) sink.sample(sample(i, { a: i }, i));
    await pipeline.drain();
    expect(committed.map((p) => [p.correlationId, p.score])).toEqual([
      ['p3', 321],
      ['p5', 543],
    ]);
    expect(store.predictions.position(SLOT, SOURCE)).toBe(6);
  });

  it('goes on with the window’s values when the model is swapped', async () => {
    open();
    const features = [{ name: 'a', unit: '' }];
    const window = { kind: 'window' as const, tensor: 'input', features, stride: 1 };
    const linear = { kind: 'linear' as const };
    play(await load({ graph: { weights: [[1, 10]], ...linear }, input: { ...window, length: 2 } }));
    for (let i = 1; i <= 3; i++) sink.sample(sample(i, { a: i }));
    await waitFor('two', () => committed.length === 2);
    play(await load({ graph: { weights: [[1, 10, 100]], ...linear }, input: { ...window, length: 3 } }));
    sink.sample(sample(4, { a: 4 }));
    await pipeline.drain();
    expect(committed.map((p) => p.score)).toEqual([21, 32, 432]);
  });

  it('delivers line events and counts what a source refuses', () => {
    open();
    sink.refused('SOURCE_ROW_TOO_LONG', 'a row of 10 MB');
    sink.event({ timeMs: 1, kind: 'machine-failed', correlationId: 'p1', station: null });
    expect(counters.snapshot()).toMatchObject({ SOURCE_ROW_TOO_LONG: 1, 'source.line-events': 1 });
  });

  describe('asked by a caller', () => {
    const rows = (...values: number[][]) => ({
      rows: values.length,
      data: Float32Array.from(values.flat()),
    });
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

    it('answers with the outputs of its rows, among the samples of the line, and records them as those', async () => {
      open();
      const champion = await load();
      play(champion);
      for (let i = 0; i < 40; i++) sink.sample(sample(i));
      const asked = await pipeline.ask(SLOT, { ...rows([5, 1], [1, 5]), correlationIds: ['q1', null] });
      await pipeline.drain();
      expect(asked).toMatchObject({ model: champion.manifestSha256, version: 1, role: 'champion', width: 1 });
      expect([...asked.output]).toEqual([expect.closeTo(sigmoid(4), 5), expect.closeTo(sigmoid(-4), 5)]);
      expect(asked.decisions.map(({ label }) => label)).toEqual(['failure', 'ok']);
      expect(asked.batchRows).toBe(42);
      expect(committed).toHaveLength(42);
      expect(committed.at(-2)).toMatchObject({ correlationId: 'q1', label: 1 });
      expect(store.predictions.byCorrelationId(SLOT, 'q1')?.score).toBeCloseTo(sigmoid(4), 5);
    });

    it('waits for the commit, and knows the predictions’ ids, where the slot records before the result', async () => {
      open({ recordBefore: 'result' });
      play(await load());
      const { predictionIds } = await pipeline.ask(SLOT, rows([5, 1], [1, 5]));
      expect(predictionIds).toEqual(all().map(({ run, seq }) => `${run}-${seq}`));
      expect(predictionIds).toHaveLength(2);
    });

    it('leaves nothing behind where the slot does not record requests', async () => {
      open({ requests: { record: false }, recordBefore: 'result' });
      play(await load());
      sink.sample(sample(1));
      const { output, predictionIds } = await pipeline.ask(SLOT, rows([5, 1]));
      await pipeline.drain();
      expect([output[0], predictionIds]).toEqual([expect.closeTo(sigmoid(4), 5), null]);
      expect(committed.map((p) => p.correlationId)).toEqual(['p1']);
    });

    it('has all rows of a request decided by one model, the canary’s share of them by the canary', async () => {
      open();
      const champion = await load();
      const challenger = await load({ version: 2, graph: { weights: [[-1, 1]] } });
      play(champion, { model: challenger, share: 0.4, rolloutId: 'r' });
      const requests = await Promise.all(
        Array.from({ length: 60 }, () => pipeline.ask(SLOT, rows([5, 1], [5, 1], [5, 1]))),
      );
      for (const { role, version, output } of requests) {
        expect(version).toBe(role === 'canary' ? 2 : 1);
        for (const score of output) expect(score).toBeCloseTo(sigmoid(role === 'canary' ? -4 : 4), 5);
      }
      const canaries = requests.filter(({ role }) => role === 'canary').length;
      expect(canaries).toBeGreaterThan(5);
      expect(canaries).toBeLessThan(55);
    });

    it.each([
      ['a row of another width', { rows: 1, data: Float32Array.from([1, 2, 3]) }, 'SAMPLE_INVALID'],
      ['bytes for a float model', { rows: 1, data: Uint8Array.from([1, 2]) }, 'SAMPLE_INVALID'],
      ['a value that is not finite', rows([1, 1], [1, Number.NaN]), 'SAMPLE_INVALID'],
      ['values that make no rows', { rows: 2, data: Float32Array.from([1, 2, 3]) }, 'REQUEST_INVALID'],
      ['too few correlation ids', { ...rows([1, 2]), correlationIds: [] }, 'REQUEST_INVALID'],
      ['a priority that is none', { ...rows([1, 2]), priority: 101 }, 'REQUEST_INVALID'],
    ])('refuses %s, alone, and blames no model for it', async (_what, ask, code) => {
      open();
      play(await load());
      const neighbour = pipeline.ask(SLOT, rows([5, 1]));
      await expect(pipeline.ask(SLOT, ask)).rejects.toMatchObject({ code });
      expect((await neighbour).output[0]).toBeCloseTo(sigmoid(4), 5);
      expect(observed.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    });

    it('knows its slots', async () => {
      open();
      await expect(pipeline.ask('nowhere', rows([1, 2]))).rejects.toMatchObject({ code: 'SLOT_UNKNOWN' });
    });

    it('refuses what waited too long for a model, counts it, and lets the others wait on', async () => {
      open();
      const patient = pipeline.ask(SLOT, rows([5, 1]));
      await expect(pipeline.ask(SLOT, { ...rows([1, 1], [2, 2]), timeoutUs: 2000 })).rejects.toMatchObject({
        code: 'REQUEST_TIMEOUT',
      });
      expect(counters.get('REQUEST_TIMEOUT')).toBe(2);
      play(await load());
      pipeline.modelsChanged();
      expect((await patient).output[0]).toBeCloseTo(sigmoid(4), 5);
    });

    it('sheds what does not fit into the queue, counts it, and takes nothing of the samples’ room', async () => {
      open({ batch: { maxQueued: 4 } });
      const first = pipeline.ask(SLOT, rows([5, 1], [5, 1], [5, 1]));
      await expect(pipeline.ask(SLOT, rows([1, 1], [2, 2]))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
      await expect(pipeline.ask(SLOT, rows([1, 1], [1, 1], [1, 1], [1, 1], [1, 1]))).rejects.toMatchObject({
        code: 'REQUEST_TOO_LARGE',
      });
      expect(counters.get('QUEUE_FULL')).toBe(2);
      for (let i = 0; i < 4; i++) sink.sample(sample(i));
      expect(counters.get('SAMPLE_DROPPED')).toBe(0);
      play(await load());
      pipeline.modelsChanged();
      expect((await first).output).toHaveLength(3);
      await pipeline.drain();
      expect(committed).toHaveLength(7);
    });

    it('lets a caller with priority go before all that waits', async () => {
      open({ batch: { maxRows: 1 } });
      for (let i = 0; i < 20; i++) sink.sample(sample(i));
      const usual = pipeline.ask(SLOT, { ...rows([5, 1]), correlationIds: ['usual'] });
      const urgent = pipeline.ask(SLOT, { ...rows([5, 1]), correlationIds: ['urgent'], priority: 1 });
      play(await load());
      pipeline.modelsChanged();
      await Promise.all([usual, urgent]);
      await pipeline.drain();
      const order = committed.map((p) => p.correlationId);
      expect([order[0], order.at(-1)]).toEqual(['urgent', 'usual']);
      expect(order.slice(1, 21)).toEqual(Array.from({ length: 20 }, (_, i) => `p${i}`));
    });

    it('answers every request although the engine is killed twice on the way, and keeps the order of the source', async () => {
      open({ batch: { maxRows: 16 } });
      play(await load());
      const answers: Promise<{ output: Float32Array }>[] = [];
      for (let i = 0; i < 900; i++) {
        sink.sample(sample(i));
        if (i % 3 === 0)
          answers.push(pipeline.ask(SLOT, { ...rows([i % 7, 3], [3, i % 7]), priority: i % 2 }));
        if (i % 400 === 399) {
          await waitFor('some', () => committed.length > i / 2);
          process.kill(engine.pid ?? Number.NaN, 'SIGKILL');
        }
      }
      for (const [k, answer] of answers.entries()) {
        const { output } = await answer;
        const x = ((3 * k) % 7) - 3;
        expect([...output]).toEqual([expect.closeTo(sigmoid(x), 5), expect.closeTo(sigmoid(-x), 5)]);
      }
      await pipeline.drain();
      const ofSource = committed.flatMap(({ correlationId }) => correlationId ?? []);
      expect(ofSource).toEqual(Array.from({ length: 900 }, (_, i) => `p${i}`));
      expect(committed).toHaveLength(900 + 600);
    });

    it('refuses the row that a model cannot answer, and nobody else’s', async () => {
      open();
      play(await load({ graph: { weights: [[1, -1]], kind: 'sqrt' } }));
      const asks = [rows([5, 1]), rows([5, 1], [1, 5]), rows([10, 1])];
      const [a, b, c] = await Promise.allSettled(asks.map((ask) => pipeline.ask(SLOT, ask)));
      expect([a?.status, b?.status, c?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(b).toMatchObject({ reason: { code: 'ENGINE_OUTPUT_INVALID' } });
    });

    it('is told that the agent stops, rather than left waiting', async () => {
      open();
      const waiting = expect(pipeline.ask(SLOT, rows([5, 1]))).rejects.toMatchObject({
        code: 'MODEL_NOT_ACTIVE',
      });
      await pipeline.drain();
      await waiting;
      await expect(pipeline.ask(SLOT, rows([5, 1]))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    });
  });

  it('answers from the slot’s cache what was seen before, and records it like any other', async () => {
    open({ cache: { maxBytes: 1_000_000 } });
    play(await load());
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 7; i++) sink.sample(sample(i));
      await waitFor('committed', () => committed.length === 7 * (round + 1));
    }
    expect(pipeline.cacheOf(SLOT)).toMatchObject({ hits: 14, misses: 7, evictions: 0 });
    const scores = committed.map(({ score }) => score);
    expect(scores.slice(7, 14)).toEqual(scores.slice(0, 7));
    expect(scores.slice(14)).toEqual(scores.slice(0, 7));
    expect(all()).toHaveLength(21);
  });

  it('has no cache where none was asked for', () => {
    open();
    expect(pipeline.cacheOf(SLOT)).toBeNull();
  });
});
