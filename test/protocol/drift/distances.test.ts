import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chiSquaredQuantile, ksByChance, psiByChance } from '../../../protocol/drift/chance.ts';
import {
  jensenShannon,
  kolmogorovSmirnov,
  psi,
  sharesOf,
} from '../../../protocol/drift/histogram-distance.ts';
import { randomFrom } from '../../support/random.ts';

const TENTHS = new Array<number>(10).fill(0.1);

describe('the distances between two histograms', () => {
  it('are 0 between equal shares, and more than 0 and the same both ways between others', () => {
    const shares = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(shares, fc.func(fc.integer({ min: 1, max: 1000 })), (counts, other) => {
        const p = sharesOf(counts);
        const q = sharesOf(counts.map(other));
        for (const distance of [psi, jensenShannon, kolmogorovSmirnov]) {
          expect(distance(p, p)).toBe(0);
          expect(distance(p, q)).toBeGreaterThanOrEqual(0);
          expect(distance(p, q)).toBeCloseTo(distance(q, p), 9);
        }
        expect(jensenShannon(p, q)).toBeLessThanOrEqual(1);
        expect(kolmogorovSmirnov(p, q)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('have worked values', () => {
    expect(psi([0.5, 0.5], [0.75, 0.25])).toBeCloseTo(0.25 * Math.log(1.5) - 0.25 * Math.log(0.5), 12);
    expect(jensenShannon([1, 0], [0, 1])).toBe(1);
    // SciPy 1.17: scipy.spatial.distance.jensenshannon([.5, .5], [.75, .25], base=2)
    expect(jensenShannon([0.5, 0.5], [0.75, 0.25])).toBeCloseTo(0.2209, 3);
    expect(kolmogorovSmirnov([0.25, 0.25, 0.5], [0.5, 0.25, 0.25])).toBeCloseTo(0.25, 12);
  });

  it('agree for small shifts: the divergence of Jensen and Shannon is PSI / 8 nats', () => {
    const moved = TENTHS.map((share, i) => share + (i % 2 ? 0.005 : -0.005));
    const nats = jensenShannon(TENTHS, moved) ** 2 * Math.LN2;
    expect(nats / (psi(TENTHS, moved) / 8)).toBeCloseTo(1, 2);
  });
});

describe('the thresholds of chance', () => {
  it('come from the tables', () => {
    // Chi-squared: 9 degrees 0.95 -> 16.919, 0.999 -> 27.877; 1 degree 0.95 -> 3.841. Kolmogorov: 0.05 -> 1.358.
    expect(chiSquaredQuantile(0.95, 9)).toBeCloseTo(16.919, 1);
    expect(chiSquaredQuantile(0.999, 9) / 27.877).toBeCloseTo(1, 1);
    expect(chiSquaredQuantile(0.95, 1) / 3.841).toBeCloseTo(1, 1);
    expect(psiByChance(100, 1e9, 10, 0.05)).toBeCloseTo(0.169, 2);
    expect(psiByChance(100, 100, 1, 0.05)).toBe(Number.POSITIVE_INFINITY);
    expect(ksByChance(100, 1e9, 0.05)).toBeCloseTo(0.1358, 3);
  });

  it('are passed by chance as often as they say, KS on bins more seldom', () => {
    const random = randomFrom(5);
    const runs = 4000;
    const passed = { psi: 0, ks: 0 };
    for (let run = 0; run < runs; run++) {
      const counts = new Array<number>(10).fill(0);
      for (let i = 0; i < 300; i++) {
        const bin = Math.floor(random() * 10);
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
      const shares = sharesOf(counts);
      if (psi(TENTHS, shares) > psiByChance(300, 1e9, 10, 0.05)) passed.psi += 1;
      if (kolmogorovSmirnov(TENTHS, shares) > ksByChance(300, 1e9, 0.05)) passed.ks += 1;
    }
    expect(passed.psi / runs).toBeGreaterThan(0.03);
    expect(passed.psi / runs).toBeLessThan(0.07);
    expect(passed.ks / runs).toBeLessThan(0.05);
  });
});
