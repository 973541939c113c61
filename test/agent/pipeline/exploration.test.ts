import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explorer } from '../../../agent/pipeline/exploration.ts';

const LABELS = ['ok', 'failure', 'scratch'];
const keys = Array.from({ length: 20_000 }, (_, i) => `part-${i}`);

const explored = (slot: string, share: number, seed = 1) => {
  const chanceOf = explorer(slot, { share, labels: ['failure'], seed }, LABELS);
  return new Set(keys.filter((key) => chanceOf(1, () => key).explored));
};

describe('exploration', () => {
  it('lets the stated share go on, and states it', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.5, noNaN: true }), fc.nat(1000), (share, seed) => {
        const gone = explored('press', share, seed).size;
        // Five standard deviations of a binomial count.
        const spread = 5 * Math.sqrt(keys.length * share * (1 - share));
        expect(Math.abs(gone - keys.length * share)).toBeLessThan(spread);
        const { propensity } = explorer('press', { share, labels: ['failure'], seed }, LABELS)(1, () => 'x');
        expect(propensity).toBe(share);
      }),
      { numRuns: 20 },
    );
  });

  it('keeps the parts of a smaller share in a larger one, and picks others for another slot or seed', () => {
    const small = explored('press', 0.05);
    const large = explored('press', 0.2);
    expect([...small].every((key) => large.has(key))).toBe(true);
    for (const other of [explored('mill', 0.05), explored('press', 0.05, 2)]) {
      const both = [...small].filter((key) => other.has(key)).length;
      expect(both / small.size).toBeLessThan(0.15);
    }
  });

  it('leaves alone what is seen anyway, and every slot without it', () => {
    const chanceOf = explorer('press', { share: 0.5, labels: ['failure', 'no-such-label'], seed: 1 }, LABELS);
    const seen = { propensity: 1, explored: false };
    expect(keys.slice(0, 100).map((key) => chanceOf(0, () => key))).toEqual(Array(100).fill(seen));
    expect(explorer('press', null, LABELS)(1, () => 'x')).toEqual(seen);
  });
});
