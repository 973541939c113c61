/** Labels and thinning in any order: a label counts for as many as its prediction stood for when it came. */
import { describe, expect, it } from 'vitest';
import type { NewFeedback } from '../../../agent/store/records.ts';
import { MODEL_A, NOW_MS, newPrediction } from './temp-store.ts';
import { openThinnedStore, type ThinnedStore } from './thinned-store.ts';

const QUERY = { slot: 'inspection', model: MODEL_A, role: 'any' } as const;

function feedback(predictionSeq: number, label: number, over: Partial<NewFeedback> = {}): NewFeedback {
  return {
    timeMs: NOW_MS,
    predictionSeq,
    slot: 'inspection',
    kind: 'implicit',
    label,
    weight: 1,
    rule: 'gate',
    evidence: 'line',
    ...over,
  };
}

function filled(): ThinnedStore {
  const store = openThinnedStore('00000001');
  store.record(Array.from({ length: 200 }, () => newPrediction()));
  return store;
}

const shareOf = (store: ThinnedStore, seq: number) => store.log.bySeq(seq)?.keptShare;
const counts = (store: ThinnedStore) =>
  store.log.outcomes(QUERY).map(({ truth, keptShare, count }) => ({ truth, keptShare, count }));

describe('a label', () => {
  it('counts once when it came before its prediction was thinned, whoever was thinned since', () => {
    const store = filled();
    store.label(Array.from({ length: 200 }, (_, i) => feedback(i + 1, 0)));
    const went = store.thin();
    expect(store.kept().length).toBeLessThan(150);
    expect(counts(store)).toEqual([{ truth: 0, keptShare: 1, count: 200 }]);
    // A label without its prediction would fill the store and say nothing.
    expect(went?.feedback).toBe(went?.predictions);
    expect(store.heads.of('feedback').dropped).toBe(went?.feedback);
  });

  it('counts for all that its prediction stands for when it came after', () => {
    const store = filled();
    store.thin();
    const kept = store.kept().filter(({ keptShare }) => keptShare === 0.5);
    store.label(kept.map(({ seq }) => feedback(seq, 0)));
    expect(counts(store)).toEqual([{ truth: 0, keptShare: 0.5, count: kept.length }]);
  });

  it('is taken back as it was counted, though its prediction was thinned in between', () => {
    const store = filled();
    store.label(Array.from({ length: 200 }, (_, i) => feedback(i + 1, 0)));
    store.thin();
    const survivor = store.kept().find(({ keptShare }) => keptShare === 0.5)?.seq ?? 0;
    store.label([feedback(survivor, 1, { kind: 'explicit', rule: 'operator', precedence: 1000 })]);
    expect(counts(store)).toEqual([
      { truth: 0, keptShare: 1, count: 199 },
      { truth: 1, keptShare: 1, count: 1 },
    ]);
    store.label([
      feedback(survivor, 1, { kind: 'explicit', rule: 'operator', precedence: 1000, withdrawn: true }),
    ]);
    expect(counts(store)).toEqual([{ truth: 0, keptShare: 1, count: 200 }]);
    store.label([feedback(survivor, 0, { withdrawn: true })]);
    expect(counts(store)).toEqual([{ truth: 0, keptShare: 1, count: 199 }]);
    expect(store.log.labelOf(survivor)).toBeUndefined();
  });

  it('from a person keeps its prediction, and one for a prediction that went is kept and counts for nothing', () => {
    const store = filled();
    store.label([feedback(3, 0, { kind: 'explicit', rule: 'operator' })]);
    store.thin();
    expect(shareOf(store, 3)).toBe(1);
    const kept = new Set(store.kept().map(({ seq }) => seq));
    const gone = Array.from({ length: 200 }, (_, i) => i + 1).find((seq) => !kept.has(seq)) ?? 0;
    store.label([feedback(gone, 1)]);
    expect(store.log.evidenceOf(gone)).toHaveLength(1);
    expect(counts(store)).toEqual([{ truth: 0, keptShare: 1, count: 1 }]);
  });
});
