import { describe, expect, it } from 'vitest';
import type { Metric } from '../../../protocol/manifest.ts';
import { errorCost } from '../../../sync-server/rollouts/error-cost.ts';
import type { PairCount } from '../../../sync-server/rollouts/evidence-source.ts';
import { pairedMetric } from '../../../sync-server/rollouts/paired-metric.ts';

const base = { offline: 0, baseline: { name: 'none', value: 0 } };
const F2: Metric = { ...base, name: 'f-beta', beta: 2 };
const pairs: PairCount[] = [
  { truth: 1, champion: 1, challenger: 0, weight: 1, count: 4 },
  { truth: 1, champion: 0, challenger: 1, weight: 1, count: 2 },
  { truth: 0, champion: 1, challenger: 0, weight: 0.5, count: 6 },
  { truth: 0, champion: 0, challenger: 0, weight: 1, count: 90 },
];

describe('the paired metric', () => {
  it('is the weighted F score of each model on the same samples', () => {
    // Champion: 4 hits, 2 missed, 6 half-trusted false alarms. 5·4 / (5·4 + 4·2 + 3).
    expect(pairedMetric(F2, pairs, 'champion')).toBeCloseTo(20 / 31, 12);
    expect(pairedMetric(F2, pairs, 'challenger')).toBeCloseTo(10 / 26, 12);
  });

  it('is accuracy or macro-F1 where the manifest says so', () => {
    expect(pairedMetric({ ...base, name: 'accuracy' }, pairs, 'champion')).toBeCloseTo(94 / 99, 12);
    const f1 = { failure: 8 / (8 + 2 + 3), ok: 180 / (180 + 3 + 2) };
    const macro = (f1.failure + f1.ok) / 2;
    expect(pairedMetric({ ...base, name: 'macro-f1' }, pairs, 'champion')).toBeCloseTo(macro, 12);
  });

  it.each(['f-beta', 'macro-f1', 'accuracy'] as const)('is unknown for %s before there are pairs', (name) => {
    expect(pairedMetric({ ...base, name }, [], 'champion')).toBeNull();
  });
});

describe('the cost of an error', () => {
  it('is one for the worst error, whatever beta', () => {
    const [missed, falseAlarm] = [errorCost(F2)(1, 0), errorCost(F2)(0, 1)];
    expect([missed, falseAlarm]).toEqual([1, 0.25]);
    const half = errorCost({ ...F2, beta: 0.5 });
    expect([half(1, 0), half(0, 1)]).toEqual([0.25, 1]);
    expect(half(1, 1)).toBe(0);
  });
});
