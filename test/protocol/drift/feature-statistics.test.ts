import fc from 'fast-check';
import { expect, it } from 'vitest';
import { effectiveSamples, mergeStatistics } from '../../../protocol/drift/feature-statistics.ts';

const window = fc.record({
  samples: fc.integer({ min: 1, max: 1000 }),
  counts: fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 4, maxLength: 4 }),
  mean: fc.float({ min: -5, max: 5, noNaN: true }),
  autocorrelation: fc.float({ min: -1, max: 1, noNaN: true }),
  missing: fc.integer({ min: 0, max: 1000 }),
});

it('windows add up in any order and in any grouping', () => {
  fc.assert(
    fc.property(window, window, window, (a, b, c) => {
      const together = mergeStatistics([a, b, c]);
      const grouped = mergeStatistics([c, mergeStatistics([b, a])]);
      expect(grouped.counts).toEqual(together.counts);
      expect(grouped).toMatchObject({ samples: together.samples, missing: together.missing });
      expect(grouped.mean).toBeCloseTo(together.mean, 6);
      expect(grouped.autocorrelation).toBeCloseTo(together.autocorrelation, 6);
    }),
  );
});

it('nothing adds up to nothing', () => {
  expect(mergeStatistics([])).toEqual({ samples: 0, counts: [], mean: 0, autocorrelation: 0, missing: 0 });
});

it('samples like their neighbours are worth fewer', () => {
  expect(effectiveSamples({ samples: 300, autocorrelation: 0.5 })).toBe(100);
  expect(effectiveSamples({ samples: 300, autocorrelation: -0.5 })).toBe(300);
  expect(effectiveSamples({ samples: 300, autocorrelation: 1 })).toBe(1);
});
