import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import { SlowStock } from '../../../bench/canary/label-stock.ts';
import { encodeBatch } from '../../../protocol/batch.ts';
import type { Feedback, Prediction } from '../../../protocol/records.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import {
  CHALLENGER,
  CHAMPION,
  desiredSlot,
  EPOCH,
  event,
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
      {
        truth: 1,
        champion: 0,
        challenger: 1,
        weight: 0.9,
        propensity: 1,
        explored: false,
        keptShare: 1,
        count: 1,
      },
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
      {
        truth: 1,
        champion: 0,
        challenger: 1,
        weight: 1,
        propensity: 1,
        explored: false,
        keptShare: 1,
        count: 2,
      },
    ]);
  });

  it('says by which chance the truth of each was seen', () => {
    const store = temporaryStore();
    fill(
      store,
      [
        prediction(1, { label: 1, propensity: 0.1, explored: true }),
        shadow(2, 1),
        prediction(3),
        shadow(4, 3),
      ],
      [feedback(1, 1), feedback(2, 3)],
    );
    const chances = store.evidence.pairs(QUERY).map(({ propensity, explored }) => [propensity, explored]);
    expect(chances).toEqual([
      [1, false],
      [0.1, true],
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

  it('waits as long as the device says that "nothing happened" takes, before there is a first such label', () => {
    const store = temporaryStore();
    store.devices.saveReported(
      reported('mill-1', {
        slots: {
          'machine-failure': { champion: null, challenger: null, install: null, labelsAfterMs: 10_000 },
        },
      }),
    );
    const seconds = (s: number) => 1_700_000_000_000 + s * 1000;
    const samples = [0, 1, 5].flatMap((s, i) => [
      prediction(2 * i + 1, { timeMs: seconds(s) }),
      shadow(2 * i + 2, 2 * i + 1, { timeMs: seconds(s) }),
    ]);
    const failures = [0, 5].map((s, i) => feedback(i + 1, s === 0 ? 1 : 5, { label: 1, timeMs: seconds(s) }));
    fill(store, samples, failures);
    expect(store.evidence.pairs(QUERY)).toEqual([]);
    const { send } = ingestOver(store);
    send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, [feedback(3, 3, { timeMs: seconds(11) })]));
    const counts = store.evidence.pairs(QUERY).map(({ truth, count }) => [truth, count]);
    expect(counts).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it.each([0, 3000])(
    'counts what the simulation of rollouts counts, with %i ms said by the device',
    (said) => {
      const random = new Random(5 + said);
      const store = temporaryStore();
      const stock = new SlowStock(said);
      if (said > 0) {
        const slot = { champion: null, challenger: null, install: null, labelsAfterMs: said };
        store.devices.saveReported(reported('mill-1', { slots: { 'machine-failure': slot } }));
      }
      const startMs = 1_700_000_000_000;
      const samples: Prediction[] = [];
      const labels: Feedback[] = [];
      for (let i = 0; i < 200; i++) {
        const timeMs = startMs + i * 50;
        const [truth, champion, challenger] = [0.2, 0.3, 0.3].map((p) => Number(random.uniform() < p));
        const waitMs = truth === 1 ? 100 : random.uniform() < 0.1 ? 6000 : 2000;
        samples.push(prediction(2 * i + 1, { timeMs, label: champion ?? 0 }));
        samples.push(shadow(2 * i + 2, 2 * i + 1, { timeMs, label: challenger ?? 0 }));
        labels.push(feedback(1, 2 * i + 1, { label: truth ?? 0, timeMs: timeMs + waitMs }));
        stock.add(timeMs, timeMs + waitMs, (truth ?? 0) * 4 + (champion ?? 0) * 2 + (challenger ?? 0));
      }
      labels.sort((a, b) => a.timeMs - b.timeMs);
      const { send } = ingestOver(store);
      send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, samples));
      let seq = 0;
      for (const lookMs of [
        startMs + 500,
        startMs + 3000,
        startMs + 5000,
        startMs + 9000,
        startMs + 20_000,
      ]) {
        const known = labels.filter((_, i) => i >= seq).filter(({ timeMs }) => timeMs <= lookMs);
        if (known.length > 0) {
          const records = known.map((label, i) => ({ ...label, seq: seq + i + 1 }));
          send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, records));
          seq += known.length;
        }
        const counted = new Int32Array(8);
        for (const { truth, champion, challenger, count } of store.evidence.pairs(QUERY)) {
          counted[truth * 4 + champion * 2 + challenger] = count;
        }
        expect(counted).toEqual(stock.counts(lookMs));
      }
      expect(seq).toBe(200);
    },
  );

  it('takes a label that came before its prediction', () => {
    const store = temporaryStore();
    const { send } = ingestOver(store);
    send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, [feedback(1, 1)]));
    send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, [prediction(1), shadow(2, 1)]));
    expect(store.evidence.pairs(QUERY)).toHaveLength(1);
  });
});

describe('guardrails', () => {
  it('names inputs that drift by the last word of each device, not those that calmed down', () => {
    const store = temporaryStore();
    const { send } = ingestOver(store);
    const drift = (seq: number, feature: string, drifting: boolean, slot = 'machine-failure') =>
      event(seq, { slot, data: { feature, psi: 0.4, drifting } });
    send(
      'mill-1',
      'events',
      encodeBatch('events', EPOCH, [
        drift(1, 'torque_nm', true),
        drift(2, 'tool_wear_min', true),
        drift(3, 'tool_wear_min', false),
        drift(4, 'torque_nm', true, 'other'),
        event(5, { kind: 'silence', data: { feature: 'x', drifting: true } }),
      ]),
    );
    expect(store.evidence.guardrails(query).drifting).toEqual([{ device: 'mill-1', feature: 'torque_nm' }]);
  });

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
