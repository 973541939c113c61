import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NewFeedback, NewPrediction } from '../../../agent/store/records.ts';
import { type Evidence, standingLabel } from '../../../protocol/labels/standing-label.ts';
import { labelCases } from '../../support/label-histories.ts';
import {
  closeStore,
  MODEL_A,
  MODEL_B,
  NOW_MS,
  newPrediction,
  openTempStore,
  record,
  tempFolder,
} from './temp-store.ts';

function label(predictionSeq: number, over: Partial<NewFeedback> = {}): NewFeedback {
  const base = {
    timeMs: NOW_MS,
    slot: 'inspection',
    kind: 'implicit' as const,
    rule: 'rule',
    evidence: 'seen',
  };
  return { ...base, predictionSeq, label: 1, weight: 1, ...over };
}

describe('the label in force', () => {
  it('is the later one, but an explicit one before any implicit one', async () => {
    const { store } = openTempStore();
    await record(store, [newPrediction()]);
    expect(store.predictions.labelOf(1)).toBeUndefined();
    await store.recorder.feedback([
      label(1, { label: 0, rule: 'a' }),
      label(1, { label: 1, rule: 'b', timeMs: NOW_MS + 1 }),
    ]);
    expect(store.predictions.labelOf(1)).toMatchObject({ label: 1, kind: 'implicit', rule: 'b' });
    await store.recorder.feedback([label(1, { label: 0, kind: 'explicit', rule: 'operator' })]);
    await store.recorder.feedback([label(1, { label: 1, rule: 'late', timeMs: NOW_MS + 2 })]);
    expect(store.predictions.labelOf(1)).toMatchObject({ label: 0, kind: 'explicit', rule: 'operator' });
    expect(store.predictions.evidenceOf(1).map(({ rule }) => rule)).toEqual(['a', 'b', 'operator', 'late']);
  });
});

function asKept(feedback: NewFeedback): Evidence {
  const { precedence = 500, withdrawn = false, observedMs = null } = feedback;
  return { ...feedback, precedence, withdrawn, observedMs };
}

describe.each(labelCases())('$name', ({ history, stands }) => {
  it.each([
    ['in order', history],
    ['in reverse', history.toReversed()],
  ])('on the device, heard %s', async (_, heard) => {
    const { store } = openTempStore({ commitWithinMs: 0 });
    await record(store, [newPrediction()]);
    for (const evidence of heard) await store.recorder.feedback([label(1, evidence)]);
    const counted = store.predictions.outcomes({ slot: 'inspection', model: MODEL_A, role: 'any' });
    if (stands === null) {
      expect(store.predictions.labelOf(1)).toBeUndefined();
      expect(counted).toEqual([]);
    } else {
      expect(store.predictions.labelOf(1)).toMatchObject({ label: stands.label, rule: stands.rule });
      expect(counted).toMatchObject([{ truth: stands.label, count: 1 }]);
    }
  });
});

/** What the counts must be, worked out the slow way. */
function naive(
  predictions: readonly NewPrediction[],
  feedback: readonly NewFeedback[],
  query: { model: string; role: 'deciding' | 'any' },
): Map<string, number> {
  const counts = new Map<string, number>();
  let seq = 0;
  for (const prediction of predictions) {
    seq += 1;
    const said = feedback.filter((f) => f.predictionSeq === seq);
    const inForce = standingLabel(said.map(asKept));
    const rows = [{ model: prediction.model, label: prediction.label, shadow: false }];
    if (prediction.shadow) {
      rows.push({ ...prediction.shadow, shadow: true });
      seq += 1;
    }
    for (const row of rows) {
      const asked = row.model === query.model && (query.role === 'any' || !row.shadow);
      if (!inForce || !asked) continue;
      const key = `${inForce.label} ${row.label} ${inForce.weight}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

const anyPrediction = fc.record({
  timeMs: fc.integer({ min: NOW_MS - 200_000_000, max: NOW_MS }),
  model: fc.constantFrom(MODEL_A, MODEL_B),
  label: fc.integer({ min: 0, max: 2 }),
  shadowLabel: fc.option(fc.integer({ min: 0, max: 2 })),
});
const anyLabel = fc.record({
  of: fc.nat(),
  label: fc.integer({ min: 0, max: 2 }),
  weight: fc.constantFrom(0.5, 0.9, 1),
  kind: fc.constantFrom('explicit' as const, 'implicit' as const),
  rule: fc.constantFrom('a', 'b'),
  precedence: fc.constantFrom(200, 500),
  withdrawn: fc.boolean(),
  observedMs: fc.option(fc.integer({ min: NOW_MS - 5, max: NOW_MS })),
});

describe('outcomes', () => {
  it('are exactly the labels in force, whatever revises what, across a restart', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyPrediction, { minLength: 1, maxLength: 25 }),
        fc.array(anyLabel, { maxLength: 40 }),
        async (made, labels) => {
          const predictions = made.map(({ timeMs, model, label: said, shadowLabel }) =>
            newPrediction({
              timeMs,
              model,
              label: said,
              shadow:
                shadowLabel === null
                  ? null
                  : {
                      model: model === MODEL_A ? MODEL_B : MODEL_A,
                      label: shadowLabel,
                      score: 0,
                      latencyUs: 1,
                    },
            }),
          );
          const folder = tempFolder();
          const before = openTempStore({ folder, commitWithinMs: 0 }).store;
          const stored = await record(before, predictions);
          const feedback = labels.map(({ of, ...rest }) => label(stored[of % stored.length]?.seq ?? 1, rest));
          const half = Math.floor(feedback.length / 2);
          await before.recorder.feedback(feedback.slice(0, half));
          await closeStore(before);
          const { store } = openTempStore({ folder, commitWithinMs: 0 });
          await Promise.all(feedback.slice(half).map((one) => store.recorder.feedback([one])));
          for (const role of ['deciding', 'any'] as const) {
            const query = { slot: 'inspection', model: MODEL_A, role };
            const counted = new Map<string, number>();
            for (const { truth, said, weight, count } of store.predictions.outcomes(query)) {
              const key = `${truth} ${said} ${weight}`;
              counted.set(key, (counted.get(key) ?? 0) + count);
            }
            expect(counted).toEqual(naive(predictions, feedback, query));
          }
          await closeStore(store);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('keeps apart slots, and says nothing of predictions without a label', async () => {
    const { store } = openTempStore();
    await record(store, [newPrediction(), newPrediction({ slot: 'other' }), newPrediction()]);
    await store.recorder.feedback([label(1, { weight: 0.9 }), label(99)]);
    const query = { model: MODEL_A, role: 'any' as const };
    expect(store.predictions.outcomes({ ...query, slot: 'inspection' })).toEqual([
      { truth: 1, said: 0, weight: 0.9, propensity: 1, keptShare: 1, count: 1, tags: {} },
    ]);
    expect(store.predictions.outcomes({ ...query, slot: 'other' })).toEqual([]);
  });
});
