import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DriftMonitor, type FeatureDrift } from '../../../agent/monitor/drift-monitor.ts';
import { chanceThreshold, chiSquaredQuantile, psi, sharesOf } from '../../../agent/monitor/psi.ts';

/** Deciles of the standard normal distribution. */
const edges = [-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816];
const profile = (name: string) => ({ name, mean: 0, std: 1, edges, shares: new Array<number>(10).fill(0.1) });

/** Seeded (mulberry32), so that a run that passes passes for ever. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normalFrom(seed: number): () => number {
  const random = randomFrom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function monitor(features: number, window = 500): { drift: DriftMonitor; changes: FeatureDrift[] } {
  const changes: FeatureDrift[] = [];
  const drift = new DriftMonitor({
    features: Array.from({ length: features }, (_, i) => profile(`f${i}`)),
    rows: 6000,
    window,
    psi: 0.25,
    onChange: (change) => changes.push(change),
  });
  return { drift, changes };
}

describe('the population stability index', () => {
  it('is 0 between equal shares, and more than 0 and the same both ways between others', () => {
    const shares = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(shares, fc.func(fc.integer({ min: 1, max: 1000 })), (counts, other) => {
        const p = sharesOf(counts);
        const q = sharesOf(counts.map(other));
        expect(psi(p, p)).toBe(0);
        expect(psi(p, q)).toBeGreaterThanOrEqual(0);
        expect(psi(p, q)).toBeCloseTo(psi(q, p), 9);
      }),
    );
  });

  it('has a worked value', () => {
    expect(psi([0.5, 0.5], [0.75, 0.25])).toBeCloseTo(0.25 * Math.log(1.5) - 0.25 * Math.log(0.5), 12);
  });

  it('has a threshold of chance from the chi-squared distribution', () => {
    // Table values: 9 degrees 0.95 -> 16.919, 0.999 -> 27.877; 1 degree 0.95 -> 3.841.
    expect(chiSquaredQuantile(0.95, 9)).toBeCloseTo(16.919, 1);
    expect(chiSquaredQuantile(0.999, 9) / 27.877).toBeCloseTo(1, 1);
    expect(chiSquaredQuantile(0.95, 1) / 3.841).toBeCloseTo(1, 1);
    expect(chanceThreshold(100, 1e9, 10, 0.05)).toBeCloseTo(0.169, 2);
    expect(chanceThreshold(100, 100, 1, 0.05)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is passed by chance as often as its threshold says', () => {
    const random = randomFrom(5);
    const runs = 4000;
    const threshold = chanceThreshold(300, 1e9, 10, 0.05);
    let passed = 0;
    for (let run = 0; run < runs; run++) {
      const counts = new Array<number>(10).fill(0);
      for (let i = 0; i < 300; i++) {
        const bin = Math.floor(random() * 10);
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
      if (psi(new Array<number>(10).fill(0.1), sharesOf(counts)) > threshold) passed += 1;
    }
    expect(passed / runs).toBeGreaterThan(0.03);
    expect(passed / runs).toBeLessThan(0.07);
  });
});

describe('the drift monitor', () => {
  it('stays calm on small windows of the data that the model knows', () => {
    const { drift, changes } = monitor(27, 60);
    const normal = normalFrom(1);
    for (let i = 0; i < 40_000; i++) drift.observe(Array.from({ length: 27 }, normal));
    expect(changes).toEqual([]);
  });

  it('finds a shifted feature within two windows, names it alone, and calms down when it comes back', () => {
    const { drift, changes } = monitor(3);
    const normal = normalFrom(2);
    const feed = (samples: number, shift: number) => {
      for (let i = 0; i < samples; i++) drift.observe([normal(), normal() + shift, normal()]);
    };
    feed(2000, 0);
    expect(drift.drifting).toBe(false);
    feed(1000, 1);
    expect(changes).toMatchObject([{ feature: 'f1', drifting: true }]);
    expect(drift.drifting).toBe(true);
    expect(changes[0]?.psi).toBeGreaterThan(0.25);
    feed(1500, 0);
    expect(changes.map(({ drifting }) => drifting)).toEqual([true, false]);
    expect(drift.drifting).toBe(false);
  });

  it('finds a wider spread though the mean stays', () => {
    const { drift, changes } = monitor(1);
    const normal = normalFrom(3);
    for (let i = 0; i < 2000; i++) drift.observe([normal() * 2.5]);
    expect(changes).toMatchObject([{ feature: 'f0', drifting: true }]);
  });

  it('does not call a slow random walk drifting while it wanders where it always did, but does when it leaves', () => {
    const { drift, changes } = monitor(1);
    const normal = normalFrom(4);
    let x = 0;
    const feed = (samples: number, shift: number) => {
      for (let i = 0; i < samples; i++) {
        x = 0.999 * x + Math.sqrt(1 - 0.999 ** 2) * normal();
        drift.observe([Math.max(-2.5, Math.min(2.5, x)) + shift]);
      }
    };
    feed(50_000, 0);
    expect(changes).toEqual([]);
    feed(10_000, 4);
    expect(changes[0]).toMatchObject({ drifting: true });
  });

  it('passes over missing values and shows shares of the last window beside the baseline', () => {
    const { drift } = monitor(2, 100);
    expect(drift.view()[0]).toEqual({
      feature: 'f0',
      psi: 0,
      drifting: false,
      shares: [],
      baselineShares: profile('f0').shares,
    });
    for (let i = 0; i < 200; i++) drift.observe([i % 2 === 0 ? Number.NaN : 3, 0.1]);
    const [first, second] = drift.view();
    expect(first?.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(first?.shares[9]).toBeGreaterThan(0.9);
    expect(second?.shares[5]).toBeGreaterThan(0.9);
  });
});
