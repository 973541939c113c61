import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logEvidence } from '../../../sync-server/rollouts/e-process.ts';

describe('the betting e-process', () => {
  it('is worth exactly its stake, on average over all outcomes, when there is no difference', () => {
    for (const value of [0.25, 1]) {
      const n = 10;
      let mean = 0;
      for (let outcome = 0; outcome < 2 ** n; outcome++) {
        const flips = Array.from({ length: n }, (_, i) => ((outcome >> i) & 1 ? value : -value));
        mean += Math.exp(logEvidence(flips.map((flip) => ({ value: flip, count: 1 })))) / 2 ** n;
      }
      expect(mean).toBeCloseTo(1, 10);
    }
  });

  it('does not depend on the order of the differences, nor on how equal ones are counted', () => {
    const difference = fc.record({
      value: fc.double({ min: -1, max: 1, noNaN: true }),
      count: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(difference, { maxLength: 8 }), (differences) => {
        const oneByOne = differences
          .toReversed()
          .flatMap(({ value, count }) => Array.from({ length: count }, () => ({ value, count: 1 })));
        expect(logEvidence(oneByOne)).toBeCloseTo(logEvidence(differences), 6);
      }),
    );
  });

  it('stays finite on a million pairs of one kind', () => {
    expect(logEvidence([{ value: 1, count: 1e6 }])).toBeGreaterThan(1e5);
    expect(logEvidence([{ value: -1, count: 1e6 }])).toBeLessThan(-1e4);
    expect(Number.isFinite(logEvidence([{ value: -1, count: 1e6 }]))).toBe(true);
    expect(logEvidence([])).toBe(0);
  });
});
