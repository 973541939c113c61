import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import type { Feedback, Prediction } from '../../../protocol/records.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import {
  CHALLENGER,
  CHAMPION,
  desiredSlot,
  EPOCH,
  feedback,
  ingestOver,
  modelRef,
  prediction,
  reported,
  shadow,
  temporaryStore,
} from '../support.ts';

const QUERY = { slot: 'machine-failure', champion: CHAMPION, challenger: CHALLENGER, sinceMs: 0 };

function fill(store: ServerStore, predictions: Prediction[], labels: Feedback[], device = 'mill-1'): void {
  const { send } = ingestOver(store);
  send(device, 'predictions', encodeBatch('predictions', EPOCH, predictions));
  if (labels.length > 0) send(device, 'feedback', encodeBatch('feedback', EPOCH, labels));
}

describe('pairs as evidence', () => {
  it('joins a shadow to the deciding prediction and to its label', () => {
    const store = temporaryStore();
    fill(
      store,
      [prediction(1, { label: 0 }), shadow(2, 1, { label: 1 })],
      [feedback(1, 1, { label: 1, weight: 0.9 })],
    );
    expect(store.evidence.pairs(QUERY)).toEqual([
      { truth: 1, champion: 0, challenger: 1, weight: 0.9, count: 1 },
    ]);
  });

  it('takes both directions together: the challenger as shadow, and the champion as shadow of a canary', () => {
    const store = temporaryStore();
    fill(
      store,
      [
        prediction(1, { label: 0 }),
        shadow(2, 1, { label: 1 }),
        prediction(3, { label: 1, model: CHALLENGER, role: 'canary' }),
        shadow(4, 3, { label: 0, model: CHAMPION }),
      ],
      [feedback(1, 1, { label: 1 }), feedback(2, 3, { label: 1 })],
    );
    expect(store.evidence.pairs(QUERY)).toEqual([
      { truth: 1, champion: 0, challenger: 1, weight: 1, count: 2 },
    ]);
  });

  it('believes a person before a rule, and of each the later one', () => {
    const store = temporaryStore();
    fill(
      store,
      [prediction(1), shadow(2, 1), prediction(3), shadow(4, 3)],
      [
        feedback(1, 1, { label: 1 }),
        feedback(2, 1, { label: 2, kind: 'explicit' }),
        feedback(3, 1, { label: 3 }),
        feedback(4, 3, { label: 4 }),
        feedback(5, 3, { label: 5, timeMs: feedback(4, 3).timeMs + 1 }),
      ],
    );
    expect(store.evidence.pairs(QUERY).map((pair) => pair.truth)).toEqual([2, 5]);
  });

  it('leaves out samples without a label, of other slots, of other models and from before', () => {
    const store = temporaryStore();
    const other = 'e'.repeat(64);
    fill(
      store,
      [
        prediction(1),
        shadow(2, 1),
        prediction(3, { slot: 'other' }),
        shadow(4, 3, { slot: 'other' }),
        prediction(5, { model: other }),
        shadow(6, 5),
        prediction(7, { timeMs: 1000 }),
        shadow(8, 7, { timeMs: 1000 }),
      ],
      [feedback(1, 3), feedback(2, 5), feedback(3, 7)],
    );
    expect(store.evidence.pairs({ ...QUERY, sinceMs: 1000 })).toEqual([]);
    expect(store.evidence.pairs({ ...QUERY, sinceMs: 999 })).toHaveLength(1);
  });

  it('does not mix up devices or databases whose records have the same seq', () => {
    const store = temporaryStore();
    fill(store, [prediction(1, { label: 0 }), shadow(2, 1)], [feedback(1, 1, { label: 1 })], 'mill-1');
    fill(store, [prediction(1, { label: 2 }), shadow(2, 1)], [feedback(1, 1, { label: 3 })], 'mill-2');
    expect(store.evidence.pairs(QUERY).map((p) => [p.truth, p.champion, p.count])).toEqual([
      [1, 0, 1],
      [3, 2, 1],
    ]);
  });

  it('leaves out samples too new for "nothing happened", so that failures are not counted too often', () => {
    const store = temporaryStore();
    const seconds = (s: number) => 1_700_000_000_000 + s * 1000;
    const samples = Array.from({ length: 20 }, (_, i) => [
      prediction(2 * i + 1, { timeMs: seconds(i) }),
      shadow(2 * i + 2, 2 * i + 1, { timeMs: seconds(i) }),
    ]).flat();
    // Every fourth part fails and is known at once; that the others are fine is known after ten seconds.
    const known = Array.from({ length: 20 }, (_, i) => ({ i, failed: i % 4 === 3 }))
      .map(({ i, failed }) => ({ i, label: failed ? 1 : 0, timeMs: seconds(failed ? i : i + 10) }))
      .filter(({ timeMs }) => timeMs < seconds(20))
      .sort((a, b) => a.timeMs - b.timeMs)
      .map(({ i, label, timeMs }, at) => feedback(at + 1, 2 * i + 1, { label, timeMs }));
    // Labels made up for after a standstill come much later, and must not hold back all others.
    const late = feedback(known.length + 1, 1, { label: 0, timeMs: seconds(19) });
    fill(store, samples, [...known, late]);
    const counts = store.evidence.pairs(QUERY).map(({ truth, count }) => [truth, count]);
    expect(counts).toEqual([
      [0, 8],
      [1, 2],
    ]);
  });

  it('takes a label that came before its prediction', () => {
    const store = temporaryStore();
    const { send } = ingestOver(store);
    send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, [feedback(1, 1)]));
    send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, [prediction(1), shadow(2, 1)]));
    expect(store.evidence.pairs(QUERY)).toHaveLength(1);
  });
});

describe('guardrails', () => {
  const query = { slot: 'machine-failure', challenger: CHALLENGER, sinceMs: 1_700_000_000_000 };
  const failed = (state: 'rolled-back' | 'refused' | 'testing', reason: string | null) => ({
    'machine-failure': {
      champion: null,
      challenger: null,
      install: { manifestSha256: CHALLENGER, state, reason, chunksHave: 0, chunksWant: 0 },
    },
  });

  it('counts what the challenger said in any role', () => {
    const store = temporaryStore();
    fill(store, [prediction(1), shadow(2, 1), prediction(3, { model: CHALLENGER, role: 'canary' })], []);
    expect(store.evidence.guardrails(query).predictions).toBe(2);
    expect(store.evidence.guardrails({ ...query, sinceMs: query.sinceMs + 120_000 }).predictions).toBe(0);
  });

  it('names devices that refused it or went back, with the reason', () => {
    const store = temporaryStore();
    const wanted = { 'machine-failure': desiredSlot(modelRef(1, CHAMPION), modelRef(2, CHALLENGER)) };
    for (const device of ['mill-1', 'mill-2', 'mill-3', 'mill-4']) {
      store.desired.save({ device, generation: 2, issuedAtMs: 0, slots: wanted });
    }
    store.devices.saveReported(
      reported('mill-1', { generation: 2, slots: failed('refused', 'bad signature') }),
    );
    store.devices.saveReported(reported('mill-2', { generation: 2, slots: failed('testing', null) }));
    store.devices.saveReported(reported('mill-3', { generation: 2, slots: failed('rolled-back', null) }));
    // An answer to an older wish: it may tell of an earlier attempt.
    store.devices.saveReported(reported('mill-4', { generation: 1, slots: failed('refused', 'old story') }));
    expect(store.evidence.guardrails(query).failures).toEqual([
      { device: 'mill-1', reason: 'bad signature' },
      { device: 'mill-3', reason: 'rolled back without a reason' },
    ]);
  });
});
