/** Pieces that the server's tests share: records, batches, a store in a temporary folder, an ingest over it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { Counters } from '../../daemon/counters.ts';
import { encodeBatch } from '../../protocol/batch.ts';
import type { Ack, DesiredSlot, ModelRef, Reported } from '../../protocol/messages.ts';
import type { EventRecord, Feedback, Prediction, Stream } from '../../protocol/records.ts';
import { topics } from '../../protocol/topics.ts';
import { Ingest } from '../../sync-server/ingest/ingest.ts';
import type { RolloutPlan } from '../../sync-server/rollouts/rollout.ts';
import { openServerStore, type ServerStore } from '../../sync-server/store/server-store.ts';

export const EPOCH = '00112233aabbccdd';
export const CHAMPION = 'a'.repeat(64);
export const CHALLENGER = 'b'.repeat(64);
/** For conditions that come true by themselves; generous, because the machine may be busy. */
export const SOON = { timeout: 10_000, interval: 10 };
/** A rollout's terms as they are by default. */
export const PLAN: RolloutPlan = {
  alpha: 0.05,
  margin: 0.02,
  minPairs: 200,
  maxFailedShare: 0.02,
  windows: [],
};
export const silentLog = pino({ level: 'silent' });

export class TestClock {
  nowMs = 1_700_000_000_000;
  wallMs(): number {
    return this.nowMs;
  }
  monotonicMs(): number {
    return this.nowMs;
  }
}

/** Removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'andon-server-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Closed when the test ends. */
export function temporaryStore(folder = temporaryFolder()): ServerStore {
  const store = openServerStore(folder);
  onTestFinished(() => store.close());
  return store;
}

export function prediction(seq: number, over: Partial<Prediction> = {}): Prediction {
  return {
    seq,
    run: '0123abcd',
    timeMs: 1_700_000_000_000 + seq,
    slot: 'machine-failure',
    model: CHAMPION,
    role: 'champion',
    correlationId: `part-${seq}`,
    label: 0,
    score: 0.25,
    latencyUs: 200,
    health: 0,
    pairOf: 0,
    features: null,
    tags: {},
    propensity: 1,
    keptShare: 1,
    explored: false,
    ...over,
  };
}

export function shadow(seq: number, pairOf: number, over: Partial<Prediction> = {}): Prediction {
  return prediction(seq, { model: CHALLENGER, role: 'shadow', pairOf, ...over });
}

export function feedback(seq: number, predictionSeq: number, over: Partial<Feedback> = {}): Feedback {
  return {
    seq,
    timeMs: 1_700_000_000_000 + predictionSeq + 1000,
    predictionSeq,
    slot: 'machine-failure',
    kind: 'implicit',
    label: 0,
    weight: 1,
    rule: 'no-failure',
    evidence: 'nothing happened for 2 s',
    precedence: 500,
    withdrawn: false,
    observedMs: null,
    ...over,
  };
}

export function event(seq: number, over: Partial<EventRecord> = {}): EventRecord {
  return {
    seq,
    timeMs: 1_700_000_000_000 + seq,
    kind: 'drift',
    severity: 'warning',
    slot: 'machine-failure',
    message: 'air temperature drifts',
    data: { psi: 0.4 },
    ...over,
  };
}

/** Predictions `from`..`to` as a batch. */
export function predictionBatch(from: number, to: number, gapBefore = 0, epoch = EPOCH): Buffer {
  const records = Array.from({ length: to - from + 1 }, (_, i) => prediction(from + i));
  return encodeBatch('predictions', epoch, records, gapBefore);
}

export function modelRef(version: number, manifestSha256: string): ModelRef {
  const indexSha256 = 'c'.repeat(64);
  return { name: 'milling-failure', version, manifestSha256, indexSha256, sizeBytes: 1 };
}

export function desiredSlot(champion: ModelRef, challenger?: ModelRef): DesiredSlot {
  return {
    champion,
    challenger: challenger ? { model: challenger, share: 0.5, rolloutId: 'r1' } : null,
  };
}

export function reported(device: string, over: Partial<Reported> = {}): Reported {
  return {
    v: 1,
    device,
    timeMs: 1_700_000_000_000,
    generation: 0,
    slots: {},
    backlog: { predictions: 0, feedback: 0, metrics: 0, events: 0 },
    ...over,
  };
}

export interface TestIngest {
  readonly ingest: Ingest;
  readonly counters: Counters;
  readonly clock: TestClock;
  readonly acks: (Ack & { device: string })[];
  readonly births: string[];
  readonly wants: string[];
  /** Hands over payloads of one device's stream and commits. */
  send(device: string, stream: Stream, ...payloads: Buffer[]): void;
  /** Hands over any message and commits nothing yet. */
  receive(topic: string, payload: Buffer | string, retained?: boolean): void;
}

export function ingestOver(store: ServerStore): TestIngest {
  const counters = new Counters();
  const clock = new TestClock();
  const acks: (Ack & { device: string })[] = [];
  const births: string[] = [];
  const wants: string[] = [];
  const ingest = new Ingest({
    store,
    clock,
    counters,
    log: silentLog,
    acknowledge: (device, ack) => acks.push({ device, ...ack }),
    onBirth: (device) => births.push(device),
    onReported: () => undefined,
    onWant: (_device, chunks) => wants.push(...chunks),
  });
  onTestFinished(() => ingest.stop());
  const receive = (topic: string, payload: Buffer | string, retained = false) =>
    ingest.receive({ topic, payload: Buffer.from(payload), retained });
  return {
    ingest,
    counters,
    clock,
    acks,
    births,
    wants,
    receive,
    send: (device, stream, ...payloads) => {
      for (const payload of payloads) receive(topics.up(device, stream), payload);
      ingest.flush();
    },
  };
}

/** What a device says of itself when it connects. */
export function birth(device: string, storeEpoch = EPOCH): string {
  return JSON.stringify({
    v: 1,
    device,
    timeMs: 1,
    agentVersion: '0.1.0',
    storeEpoch,
    labels: { line: 'north' },
    slots: ['machine-failure'],
  });
}
