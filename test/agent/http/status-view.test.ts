import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { deviceConfigSchema } from '../../../agent/config/schema.ts';
import { buildStatusView, type StatusParts } from '../../../agent/http/status-view.ts';
import type { ActiveModel } from '../../../agent/models/active-models.ts';
import { openStore } from '../../../agent/store/open-store.ts';
import type { NewPrediction } from '../../../agent/store/records.ts';
import type { Store } from '../../../agent/store/store.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { MetricReport } from '../../../protocol/evidence/metric-report.ts';
import { hashOf, makePackage, manifestOf } from '../../support/packages.ts';
import { calmInputs } from './sample-view.ts';

let folder: string;
let store: Store;
const counters = new Counters();
const log = pino({ level: 'silent' });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-view-'));
  const clock = systemClock;
  store = openStore({ folder, maxBytes: 64 * 1024 * 1024, commitWithinMs: 1, clock, log, counters });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function model(version: number): ActiveModel {
  const files = makePackage({ version });
  return {
    folder: '/packages',
    manifest: manifestOf(files),
    manifestSha256: hashOf(files),
    baseline: { rows: 1, features: [], labelShares: [1, 0] },
  };
}

const champion = model(1);
const challenger = model(2);

const quality: MetricReport = {
  name: 'accuracy',
  offline: 0.9,
  baseline: { name: 'a guess', value: 0.5 },
  labels: 3,
  naive: { value: 0.7, low: 0.3, high: 0.9, labels: 3, effectiveLabels: 3 },
  corrected: null,
  slices: [],
};

function predicted(label: number, correlationId: string): NewPrediction {
  return {
    timeMs: Date.now(),
    slot: 'milling',
    model: champion.manifestSha256,
    role: 'champion',
    correlationId,
    label,
    score: 0.9,
    latencyUs: 100,
    health: 0,
    features: null,
    shadow: null,
  };
}

function viewOf(change: Partial<StatusParts> = {}) {
  const config = deviceConfigSchema.parse({
    device: { id: 'mill-1', labels: { site: 'a' } },
    sources: { line: { kind: 'simulated-line' } },
    slots: { milling: { source: 'line', model: 'm', budget: { latencyP99Ms: 5 } } },
  });
  return buildStatusView({
    config,
    agentVersion: '0.1.0',
    startedAtMs: 5,
    clock: systemClock,
    counters,
    store,
    engine: { status: () => ({ restarts: 0, rssBytes: 1, alive: true }) },
    models: {
      of: () => ({ champion, challenger: { model: challenger, share: 0.05, rolloutId: 'r' } }),
      holdOf: () => null,
      figuresOf: () => ({ latencyP99Ms: 0.4, memoryBytes: 2_000_000 }),
    },
    reported: () => ({}),
    link: () => ({ connected: false, sinceMs: 9, lastAckMs: null, heldBack: null }),
    cacheOf: () => null,
    figures: () => ({
      predictionsPerS: 10,
      latencyUs: null,
      rateHistory: [],
      drift: [],
      inputs: calmInputs,
      quality: { champion: quality, challenger: null },
    }),
    machine: () => null,
    alarms: () => [],
    ...change,
  });
}

async function record(...predictions: NewPrediction[]): Promise<void> {
  await store.recorder.predictions({ slot: 'milling', source: 'line', position: null, predictions });
}

describe('the status view', () => {
  it('says what a model waits for, who holds the slot, and what the model costs beside what it may', () => {
    const hold = { reason: 'batch 4711 runs', sinceMs: 1, untilMs: null };
    const install = {
      manifestSha256: challenger.manifestSha256,
      state: 'testing' as const,
      reason: 'waits: held by an operator: batch 4711 runs',
      waitsFor: 'hold',
      chunksHave: 3,
      chunksWant: 3,
    };
    const [slot] = viewOf({
      models: {
        of: () => ({ champion, challenger: null }),
        holdOf: () => hold,
        figuresOf: () => ({ latencyP99Ms: 0.4, memoryBytes: 2_000_000 }),
      },
      reported: () => ({ milling: { champion: null, challenger: null, install } }),
    }).slots;
    expect(slot?.install).toMatchObject({ stateWords: 'tested', reason: install.reason });
    expect(slot?.hold).toEqual(hold);
    expect(slot?.cost).toEqual({
      latencyP99Ms: 0.4,
      memoryBytes: 2_000_000,
      allowedLatencyP99Ms: 5,
      allowedMemoryBytes: null,
    });
  });

  it('shows what runs in a slot, and its number beside what was promised', () => {
    expect(viewOf().slots).toEqual([
      expect.objectContaining({
        slot: 'milling',
        source: 'line',
        labels: ['ok', 'failure'],
        champion: { title: 'tiny 1', manifestSha256: champion.manifestSha256 },
        challenger: { title: 'tiny 2', manifestSha256: challenger.manifestSha256, share: 0.05 },
        install: null,
        metric: { ...quality, challenger: null },
      }),
    ]);
  });

  it('shows predictions newest first, in words, with what feedback says of them', async () => {
    await record(predicted(1, 'p1'), predicted(0, 'p2'));
    await store.recorder.feedback([
      {
        timeMs: 1,
        predictionSeq: 1,
        slot: 'milling',
        kind: 'explicit',
        label: 0,
        weight: 1,
        rule: 'operator',
        evidence: 'an operator corrected it',
      },
    ]);
    const recent = viewOf().slots[0]?.recent ?? [];
    expect(recent.map(({ correlationId, label, truth }) => ({ correlationId, label, truth }))).toEqual([
      { correlationId: 'p2', label: 'ok', truth: null },
      {
        correlationId: 'p1',
        label: 'failure',
        truth: { label: 'ok', kind: 'explicit', evidence: 'an operator corrected it' },
      },
    ]);
    expect(recent[0]?.id).toBe(`${store.run}-2`);
  });

  it('asks for attention to the parts that a model raised and nobody answered', async () => {
    await record(predicted(1, 'p1'), predicted(1, 'p2'), predicted(0, 'p3'));
    expect(viewOf().headline.text).toBe('Running. 2 parts need attention.');
  });

  it('gives the rules of the line their time before it asks a person, and forgets after a quarter of an hour', async () => {
    await record(predicted(1, 'p1'));
    const config = deviceConfigSchema.parse({
      device: { id: 'mill-1' },
      sources: { line: { kind: 'simulated-line' } },
      slots: {
        milling: {
          source: 'line',
          model: 'm',
          feedback: [{ name: 'fine', when: 'absence', event: 'failed', withinMs: 60_000, label: 'ok' }],
        },
      },
    });
    const headlineIn = (ms: number) =>
      viewOf({ config, clock: { ...systemClock, wallMs: () => Date.now() + ms } }).headline.text;
    expect(headlineIn(60_000)).toBe('Running.');
    expect(headlineIn(75_000)).toBe('Running. 1 part needs attention.');
    expect(headlineIn(16 * 60_000)).toBe('Running.');
  });

  it('still shows a raised part when many have passed since, and at most 26 in all', async () => {
    await record(predicted(1, 'raised'), ...Array.from({ length: 300 }, (_, i) => predicted(0, `p${i}`)));
    const parts = viewOf().slots[0]?.recent.map(({ correlationId }) => correlationId) ?? [];
    expect(parts[0]).toBe('p299');
    expect(parts.at(-1)).toBe('raised');
    await record(...Array.from({ length: 300 }, (_, i) => predicted(i % 2, `q${i}`)));
    const later = viewOf().slots[0]?.recent ?? [];
    expect(new Set(later.map(({ id }) => id)).size).toBe(later.length);
    expect(later.length).toBeLessThanOrEqual(26);
  });

  it('counts the backlog of each stream and keeps the newest 30 events, newest first', async () => {
    await record(predicted(0, 'p1'), predicted(0, 'p2'));
    const events = Array.from({ length: 35 }, (_, i) => ({
      timeMs: i,
      kind: 'restart',
      severity: 'info' as const,
      slot: null,
      message: `event ${i}`,
      data: {},
    }));
    await store.recorder.events(events);
    store.streams.ack('predictions', 1);
    const view = viewOf();
    expect(view.link.backlog).toEqual({ predictions: 1, feedback: 0, metrics: 0, events: 35 });
    expect(view.events.map(({ message }) => message)).toEqual(
      Array.from({ length: 30 }, (_, i) => `event ${34 - i}`),
    );
    expect(view.store).toMatchObject({ storeEpoch: store.epoch, dropped: 0 });
  });

  it('shows error codes and leaves out what merely passed through', () => {
    const mixed = new Counters();
    mixed.add('SAMPLE_INVALID', 2);
    mixed.add('source.samples', 500);
    expect(viewOf({ counters: mixed }).counters).toEqual({ SAMPLE_INVALID: 2 });
  });

  it('says in words where the model stands that was last asked for', () => {
    const install = {
      manifestSha256: challenger.manifestSha256,
      state: 'fetching' as const,
      reason: null,
      chunksHave: 1,
      chunksWant: 4,
    };
    const view = viewOf({ reported: () => ({ milling: { champion: null, challenger: null, install } }) });
    expect(view.slots[0]?.install).toEqual({ ...install, stateWords: 'being fetched' });
  });

  it('still shows a slot that has no model', () => {
    const view = viewOf({ models: { of: () => undefined, holdOf: () => null, figuresOf: () => null } });
    expect(view.slots[0]).toMatchObject({ champion: null, challenger: null, metric: null, labels: [] });
  });
});
