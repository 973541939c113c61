import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import { standingLabel } from '../../../protocol/labels/standing-label.ts';
import type { Feedback, Prediction } from '../../../protocol/records.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import {
  CHALLENGER,
  CHAMPION,
  EPOCH,
  feedback,
  ingestOver,
  prediction,
  shadow,
  temporaryStore,
} from '../support.ts';

const MINUTE_MS = 60_000;
const ALL = { slot: 'machine-failure', sinceMs: 0 };
const T0 = prediction(1).timeMs - (prediction(1).timeMs % MINUTE_MS);

describe('outcomes', () => {
  it('counts a label for the model that decided and for the one that looked on', () => {
    const store = temporaryStore();
    send(
      store,
      [prediction(1, { label: 0 }), shadow(2, 1, { label: 1 })],
      [feedback(1, 1, { label: 1, weight: 0.9 })],
    );
    expect(counts(store)).toEqual([
      [CHAMPION, 1, 0, 0.9, 1],
      [CHALLENGER, 1, 1, 0.9, 1],
    ]);
  });

  it('moves a count when another label comes to stand, and takes it back when none does', () => {
    const store = temporaryStore();
    send(store, [prediction(1, { label: 1 })], [feedback(1, 1, { label: 0, rule: 'gate' })]);
    send(store, [], [feedback(2, 1, { label: 1, kind: 'explicit', precedence: 1000, rule: 'operator' })]);
    expect(counts(store)).toEqual([[CHAMPION, 1, 1, 1, 1]]);
    send(
      store,
      [],
      [
        feedback(3, 1, { kind: 'explicit', precedence: 1000, rule: 'operator', withdrawn: true }),
        feedback(4, 1, { rule: 'gate', withdrawn: true }),
      ],
    );
    expect(counts(store)).toEqual([]);
  });

  it('keeps tags apart, and a label that came by no stated chance', () => {
    const store = temporaryStore();
    const early = { shift: 'early' };
    const rejected = { label: 1, propensity: 0.1 };
    send(
      store,
      [
        prediction(1, { tags: early }),
        prediction(2, { ...rejected, explored: true }),
        prediction(3, rejected),
      ],
      [feedback(1, 1, { label: 0 }), feedback(2, 2, { label: 1 }), feedback(3, 3, { label: 0 })],
    );
    expect(
      store.outcomes
        .byTags(ALL)
        .map(({ tags, propensity, truth, said }) => ({ tags, propensity, truth, said })),
    ).toEqual(
      expect.arrayContaining([
        { tags: early, propensity: 1, truth: 0, said: 0 },
        { tags: {}, propensity: 0.1, truth: 1, said: 1 },
        { tags: {}, propensity: 0, truth: 0, said: 1 },
      ]),
    );
  });

  it('sums by spans of time, from the time asked for, and of one slot', () => {
    const store = temporaryStore();
    const at = (seq: number, minute: number, over: Partial<Prediction> = {}) =>
      prediction(seq, { timeMs: T0 + minute * MINUTE_MS, ...over });
    send(
      store,
      [at(1, 0), at(2, 1), at(3, 9), at(4, 25), at(5, 25, { slot: 'other' })],
      [1, 2, 3, 4, 5].map((seq) => feedback(seq, seq, { label: 0 })),
    );
    const spanMs = 10 * MINUTE_MS;
    const spans = (sinceMs: number) =>
      store.outcomes.bySpan({ ...ALL, spanMs, sinceMs }).map(({ fromMs, count }) => [fromMs % spanMs, count]);
    expect(spans(0).reduce((sum, [, count]) => sum + (count ?? 0), 0)).toBe(4);
    expect(spans(0).every(([offset]) => offset === 0)).toBe(true);
    expect(spans(T0 + 20 * MINUTE_MS)).toEqual([[0, 1]]);
    const byHour = store.outcomes.bySpan({ ...ALL, spanMs: 120 * MINUTE_MS });
    expect(byHour.reduce((sum, { count }) => sum + count, 0)).toBe(4);
    expect(byHour.every(({ fromMs }) => fromMs % (120 * MINUTE_MS) === 0)).toBe(true);
    expect(store.outcomes.span('machine-failure')).toEqual({ firstMs: T0, lastMs: T0 + 26 * MINUTE_MS });
    expect(store.outcomes.span('nothing-here')).toBeUndefined();
  });

  it('tells when each model first decided', () => {
    const store = temporaryStore();
    send(
      store,
      [
        prediction(1, { timeMs: T0 }),
        shadow(2, 1, { timeMs: T0 }),
        prediction(3, { timeMs: T0 + 5 * MINUTE_MS, model: CHALLENGER, role: 'canary' }),
      ],
      [],
    );
    expect(store.outcomes.began('machine-failure')).toEqual([
      { model: CHAMPION, firstMs: T0 },
      { model: CHALLENGER, firstMs: T0 + 5 * MINUTE_MS },
    ]);
  });

  it('is what a join over all records says, in whatever pieces and order records and labels arrive', () => {
    const predictions = [1, 3, 5, 7].flatMap((seq) => [
      prediction(seq, { label: seq % 2 }),
      shadow(seq + 1, seq, { label: seq % 3 === 0 ? 1 : 0 }),
    ]);
    const anyFeedback = fc.record({
      about: fc.constantFrom(1, 3, 5, 7, 9),
      label: fc.integer({ min: 0, max: 2 }),
      kind: fc.constantFrom<Feedback['kind']>('explicit', 'implicit'),
      withdrawn: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(anyFeedback, { maxLength: 12 }),
        fc.array(fc.constantFrom('predictions', 'feedback'), { minLength: 4, maxLength: 20 }),
        (told, turns) => {
          const store = temporaryStore();
          const labels = told.map(({ about, ...over }, i) => feedback(i + 1, about, over));
          const waiting = { predictions: [...predictions], feedback: [...labels] };
          for (const turn of [...turns, ...Array.from({ length: 12 }, () => 'predictions' as const)]) {
            if (turn === 'predictions') send(store, waiting.predictions.splice(0, 3), []);
            else send(store, [], waiting.feedback.splice(0, 2));
          }
          send(store, [], waiting.feedback);
          expect(counts(store)).toEqual(joined(predictions, labels));
        },
      ),
      { numRuns: 25 },
    );
  });
});

function joined(predictions: readonly Prediction[], labels: readonly Feedback[]) {
  const sums = new Map<string, [string, number, number, number, number]>();
  for (const { seq, pairOf, label: said, model } of predictions) {
    const about = labels.filter(({ predictionSeq }) => predictionSeq === (pairOf || seq));
    const stands = standingLabel(about);
    if (!stands) continue;
    const key = `${model} ${stands.label} ${said}`;
    const sum = sums.get(key) ?? [model, stands.label, said, stands.weight, 0];
    sum[4] += 1;
    sums.set(key, sum);
  }
  return [...sums.values()].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

function counts(store: ServerStore) {
  return store.outcomes
    .byTags(ALL)
    .map(({ model, truth, said, weight, count }) => [model, truth, said, weight, count])
    .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

function send(store: ServerStore, predictions: readonly Prediction[], labels: readonly Feedback[]): void {
  const { send } = ingestOver(store);
  if (predictions.length > 0) send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, predictions));
  if (labels.length > 0) send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, labels));
}
