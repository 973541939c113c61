import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import type { Metric } from '../../../protocol/manifest.ts';
import type { PairCount } from '../../../sync-server/rollouts/evidence-source.ts';
import { evidenceOfNoWorse, pairedDifference } from '../../../sync-server/rollouts/paired-difference.ts';

const base = { offline: 0.9, baseline: { name: 'none', value: 0 } };
const ACCURACY: Metric = { ...base, name: 'accuracy' };
const F2: Metric = { ...base, name: 'f-beta', beta: 2 };
const ALPHA = 0.05;

function pair(truth: number, champion: number, challenger: number, count: number, weight = 1): PairCount {
  return { truth, champion, challenger, count, weight };
}

describe('the paired difference', () => {
  it('is the gain of accuracy on the same samples, each weighted by the trust in its label', () => {
    const pairs = [pair(0, 0, 0, 90), pair(0, 1, 0, 8), pair(0, 0, 1, 2), pair(1, 0, 1, 20, 0.5)];
    expect(pairedDifference(pairs, ACCURACY, ALPHA)?.mean).toBeCloseTo((8 - 2 + 10) / 110, 12);
  });

  it('is told a real positive where misses count, a false alarm as a quarter of a miss', () => {
    const pairs = [pair(0, 0, 0, 1000), pair(1, 1, 1, 40), pair(1, 0, 1, 10), pair(0, 0, 1, 8)];
    expect(pairedDifference(pairs, F2, ALPHA)?.mean).toBeCloseTo((10 - 8 / 4) / 50, 12);
    expect(pairedDifference([pair(0, 0, 1, 8)], F2, ALPHA)).toBeUndefined();
    expect(pairedDifference([], ACCURACY, ALPHA)).toBeUndefined();
  });

  it('has an interval whose lower end passes the margin with the very label that ends the wait', () => {
    for (let count = 200; count <= 300; count++) {
      const pairs = [pair(0, 0, 0, count), pair(0, 1, 0, 1)];
      const isProven = evidenceOfNoWorse(pairs, ACCURACY, 0.02) >= Math.log(20);
      const low = pairedDifference(pairs, ACCURACY, ALPHA)?.low ?? -1;
      expect(low > -0.02).toBe(isProven);
    }
  });

  it('lies in its interval, and turns over when the models change places', () => {
    const kinds = fc.record({
      truth: fc.integer({ min: 0, max: 1 }),
      champion: fc.integer({ min: 0, max: 1 }),
      challenger: fc.integer({ min: 0, max: 1 }),
      weight: fc.constantFrom(0.5, 1),
      count: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(fc.array(kinds, { maxLength: 8 }), fc.constantFrom(ACCURACY, F2), (pairs, metric) => {
        const difference = pairedDifference(pairs, metric, ALPHA);
        if (!difference || Math.abs(difference.mean) > 9) return;
        expect(difference.low).toBeLessThanOrEqual(difference.mean + 1e-6);
        expect(difference.high).toBeGreaterThanOrEqual(difference.mean - 1e-6);
        const swapped = pairs.map((p) => ({ ...p, champion: p.challenger, challenger: p.champion }));
        const turned = pairedDifference(swapped, metric, ALPHA);
        expect(turned?.mean).toBeCloseTo(-difference.mean, 9);
        expect(turned?.low).toBeCloseTo(-difference.high, 6);
      }),
    );
  });

  it('holds the truth at every look of nearly all runs', () => {
    const random = new Random(11);
    const [onlyOld, onlyNew] = [0.06, 0.04];
    const runs = 200;
    let missed = 0;
    for (let run = 0; run < runs; run++) {
      const counts = { old: 0, new: 0, both: 0 };
      let held = true;
      for (let n = 1; n <= 600; n++) {
        const u = random.uniform();
        if (u < onlyOld) counts.old++;
        else if (u < onlyOld + onlyNew) counts.new++;
        else counts.both++;
        if (n % 50 !== 0) continue;
        const pairs = [pair(0, 0, 0, counts.both), pair(0, 1, 0, counts.old), pair(0, 0, 1, counts.new)];
        const difference = pairedDifference(pairs, ACCURACY, ALPHA);
        held &&= difference !== undefined && difference.low <= 0.02 && difference.high >= 0.02;
      }
      if (!held) missed += 1;
    }
    expect(missed / runs).toBeLessThanOrEqual(2 * ALPHA);
  });
});
