import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import { playLine, trueMetric } from '../../../bench/selective-labels.ts';
import { metricEstimate, metricValue } from '../../../protocol/evidence/metric-estimate.ts';
import { isSelective, labelCount, type OutcomeCount } from '../../../protocol/evidence/outcome-count.ts';
import type { MetricRule } from '../../../protocol/evidence/share-of-right.ts';

const cell = (truth: number, said: number, count: number, weight = 1, propensity = 1): OutcomeCount => ({
  truth,
  said,
  count,
  weight,
  propensity,
  keptShare: 1,
});
const anyMetric = fc.constantFrom<MetricRule>(
  { name: 'accuracy' },
  { name: 'macro-f1' },
  { name: 'f-beta', beta: 2 },
);
const anyCounts = fc.array(
  fc.record({
    truth: fc.integer({ min: 0, max: 3 }),
    said: fc.integer({ min: 0, max: 3 }),
    weight: fc.constantFrom(0.5, 1),
    propensity: fc.constantFrom(0.1, 1),
    keptShare: fc.constantFrom(0.25, 1),
    count: fc.integer({ min: 1, max: 50 }),
  }),
  { minLength: 1 },
);

describe('the metric', () => {
  const counts = [cell(1, 1, 8), cell(1, 0, 2), cell(0, 1, 4), cell(0, 0, 86)];

  it('is what the textbook says', () => {
    expect(metricValue({ name: 'accuracy' }, counts)).toBeCloseTo(0.94, 12);
    expect(metricValue({ name: 'f-beta', beta: 1 }, counts)).toBeCloseTo(16 / 22, 12);
    expect(metricValue({ name: 'f-beta', beta: 2 }, counts)).toBeCloseTo(40 / (40 + 8 + 4), 12);
    expect(metricValue({ name: 'macro-f1' }, counts)).toBeCloseTo((16 / 22 + 172 / 178) / 2, 12);
  });

  it('counts a label by the trust in it', () => {
    expect(metricValue({ name: 'accuracy' }, [cell(1, 1, 1), cell(0, 1, 2, 0.25)])).toBeCloseTo(1 / 1.5, 12);
    expect(labelCount([cell(1, 1, 3, 0.5), cell(0, 0, 4)])).toBe(7);
  });

  it('lets a label that is seen one time in ten stand for ten', () => {
    const selective = [cell(0, 0, 900), cell(1, 0, 10), cell(1, 1, 4, 1, 0.1), cell(0, 1, 1, 1, 0.1)];
    expect(metricValue({ name: 'f-beta', beta: 1 }, selective, 'naive')).toBeCloseTo(8 / 19, 12);
    expect(metricValue({ name: 'f-beta', beta: 1 }, selective, 'corrected')).toBeCloseTo(80 / 100, 12);
    expect(isSelective(selective)).toBe(true);
    expect(isSelective(counts)).toBe(false);
  });

  it('leaves a label that came by no stated chance out of the corrected metric', () => {
    const asked = [...counts, cell(0, 1, 50, 1, 0)];
    expect(metricValue({ name: 'accuracy' }, asked, 'corrected')).toBeCloseTo(0.94, 12);
    expect(metricValue({ name: 'accuracy' }, asked, 'naive')).toBeCloseTo(94 / 150, 12);
  });

  it('is null while there is nothing to judge by', () => {
    expect(metricValue({ name: 'accuracy' }, [])).toBeNull();
    expect(metricValue({ name: 'f-beta', beta: 2 }, [cell(0, 0, 9)])).toBeNull();
    expect(metricEstimate({ name: 'macro-f1' }, [], 'corrected')).toBeNull();
    expect(metricEstimate({ name: 'accuracy' }, [cell(1, 1, 5, 0)], 'naive')).toBeNull();
  });

  it('lies within its interval and 0 to 1, and does not depend on how counts are split', () => {
    fc.assert(
      fc.property(anyMetric, anyCounts, (metric, some) => {
        const estimate = metricEstimate(metric, some, 'corrected');
        if (!estimate) return;
        expect(estimate.low).toBeGreaterThanOrEqual(0);
        expect(estimate.low).toBeLessThanOrEqual(estimate.value);
        expect(estimate.value).toBeLessThanOrEqual(estimate.high);
        expect(estimate.high).toBeLessThanOrEqual(1);
        expect(estimate.effectiveLabels).toBeLessThanOrEqual(estimate.labels + 1e-9);
        const split = some.flatMap((each) => [
          { ...each, count: 1 },
          { ...each, count: each.count - 1 },
        ]);
        const again = metricEstimate(metric, split, 'corrected');
        expect(again?.value).toBeCloseTo(estimate.value, 9);
        expect(again?.low).toBeCloseTo(estimate.low, 9);
      }),
    );
  });

  it('is 1 exactly when every answer was right', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<MetricRule>({ name: 'accuracy' }, { name: 'macro-f1' }),
        anyCounts,
        (metric, some) => {
          const wholly = some.every(({ truth, said }) => truth === said);
          expect(Math.abs((metricValue(metric, some) ?? -1) - 1) < 1e-12).toBe(wholly);
        },
      ),
    );
  });
});

describe('the interval', () => {
  it('is Wilson’s for accuracy from equal labels', () => {
    const { low, high } = estimateOf({ name: 'accuracy' }, [cell(0, 0, 9600), cell(0, 1, 400)]);
    // Wilson's textbook form for 9,600 of 10,000.
    expect(low).toBeCloseTo(0.95598, 4);
    expect(high).toBeCloseTo(0.96367, 4);
  });

  it('does not believe twenty right answers in a row to be perfection', () => {
    for (const name of ['accuracy', 'macro-f1'] as const) {
      const { low, high } = estimateOf({ name }, [cell(1, 1, 10), cell(0, 0, 10)]);
      expect(high).toBe(1);
      expect(low).toBeLessThan(0.87);
    }
  });

  it('narrows with the square root of the labels', () => {
    const of = (times: number) => {
      const { low, high } = estimateOf({ name: 'f-beta', beta: 2 }, [
        cell(1, 1, 80 * times),
        cell(1, 0, 20 * times),
        cell(0, 1, 10 * times),
      ]);
      return high - low;
    };
    expect(of(1) / of(16)).toBeCloseTo(4, 0);
  });

  it('widens where few labels stand for many', () => {
    const equal = estimateOf({ name: 'accuracy' }, [cell(0, 0, 500), cell(1, 1, 50), cell(0, 1, 50)]);
    const rare = estimateOf({ name: 'accuracy' }, [
      cell(0, 0, 500),
      cell(1, 1, 5, 1, 0.1),
      cell(0, 1, 5, 1, 0.1),
    ]);
    expect(rare.value).toBeCloseTo(equal.value, 12);
    expect(rare.high - rare.low).toBeGreaterThan(2 * (equal.high - equal.low));
    expect(rare.effectiveLabels).toBeLessThan(rare.labels);
  });

  it.each([{ name: 'f-beta', beta: 1 }, { name: 'accuracy' }, { name: 'macro-f1' }] as const)(
    'holds the truth where rejected parts are seldom inspected, and the naive one does not ($name)',
    (metric) => {
      const line = { parts: 5000, faultShare: 0.05, recall: 0.8, falseAlarms: 0.03, exploration: 0.1 };
      const truth = trueMetric(metric, line);
      const random = new Random(11);
      const runs = Array.from({ length: 150 }, () => playLine(line, random));
      const covered = (weighing: 'naive' | 'corrected') =>
        runs.filter((counts) => {
          const { low, high } = estimateOf(metric, counts, weighing);
          return low <= truth && truth <= high;
        }).length / runs.length;
      expect(covered('corrected')).toBeGreaterThanOrEqual(0.9);
      expect(covered('naive')).toBeLessThan(0.1);
    },
  );
});

function estimateOf(
  metric: MetricRule,
  counts: readonly OutcomeCount[],
  weighing: 'naive' | 'corrected' = 'corrected',
) {
  const estimate = metricEstimate(metric, counts, weighing);
  if (!estimate) throw new Error('no estimate');
  return estimate;
}
