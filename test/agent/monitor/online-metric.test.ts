import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Counted, labelCount, onlineMetric } from '../../../agent/monitor/online-metric.ts';

const cell = (truth: number, said: number, count: number, weight = 1): Counted => ({
  truth,
  said,
  count,
  weight,
});
const anyCounts = fc.array(
  fc.record({
    truth: fc.integer({ min: 0, max: 3 }),
    said: fc.integer({ min: 0, max: 3 }),
    weight: fc.constantFrom(0.5, 1),
    count: fc.integer({ min: 1, max: 50 }),
  }),
  { minLength: 1 },
);

describe('the online metric', () => {
  const counts = [cell(1, 1, 8), cell(1, 0, 2), cell(0, 1, 4), cell(0, 0, 86)];

  it('is what the textbook says', () => {
    expect(onlineMetric({ name: 'accuracy' }, counts)).toBeCloseTo(0.94, 12);
    expect(onlineMetric({ name: 'f-beta', beta: 1 }, counts)).toBeCloseTo(16 / 22, 12);
    expect(onlineMetric({ name: 'f-beta', beta: 2 }, counts)).toBeCloseTo(40 / (40 + 8 + 4), 12);
    expect(onlineMetric({ name: 'macro-f1' }, counts)).toBeCloseTo((16 / 22 + 172 / 178) / 2, 12);
  });

  it('counts a pair by the trust in its label', () => {
    expect(onlineMetric({ name: 'accuracy' }, [cell(1, 1, 1, 1), cell(0, 1, 2, 0.25)])).toBeCloseTo(
      1 / 1.5,
      12,
    );
    expect(labelCount([cell(1, 1, 3, 0.5), cell(0, 0, 4)])).toBe(7);
  });

  it('is null while there is nothing to judge by', () => {
    expect(onlineMetric({ name: 'accuracy' }, [])).toBeNull();
    expect(onlineMetric({ name: 'f-beta', beta: 2 }, [cell(0, 0, 9)])).toBeNull();
    expect(onlineMetric({ name: 'macro-f1' }, [])).toBeNull();
  });

  it('lies between 0 and 1, is 1 exactly when every answer was right, and does not depend on how counts are split', () => {
    fc.assert(
      fc.property(fc.constantFrom('accuracy' as const, 'macro-f1' as const), anyCounts, (name, some) => {
        const value = onlineMetric({ name }, some) ?? -1;
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1);
        expect(value === 1).toBe(some.every(({ truth, said }) => truth === said));
        const split = some.flatMap((c) => [c, { ...c }]);
        expect(onlineMetric({ name }, split)).toBeCloseTo(value, 9);
      }),
    );
  });
});
