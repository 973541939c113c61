import { describe, expect, it } from 'vitest';
import { DriftMonitor, type FeatureDrift, type PairDrift } from '../../../agent/monitor/drift-monitor.ts';
import { normalFrom } from '../../support/random.ts';
import { TestClock } from '../store/temp-store.ts';

/** Deciles of the standard normal distribution. */
const edges = [-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816];
const shares = new Array<number>(10).fill(0.1);
const profile = (name: string) => ({ name, mean: 0, std: 1, edges, shares, categorical: false });

function monitor(features: number, { window = 500, correlations = [] as number[], std = 1 } = {}) {
  const changes: FeatureDrift[] = [];
  const pairs: (readonly PairDrift[])[] = [];
  const clock = new TestClock();
  const drift = new DriftMonitor({
    watched: {
      rows: 6000,
      features: Array.from({ length: features }, (_, i) => ({ ...profile(`f${i}`), std })),
      correlations,
    },
    window,
    psi: 0.25,
    onChange: (change) => changes.push(change),
    onPairsShifted: (shifted) => pairs.push(shifted),
    clock,
  });
  /** A sample every 10 ms. */
  const observe = (values: readonly number[]) => {
    clock.advance(10);
    drift.observe(values);
  };
  return { drift, changes, pairs, clock, observe };
}

describe('the drift monitor', () => {
  it('stays calm on small windows of the data that the model knows', () => {
    const { changes, observe } = monitor(27, { window: 200 });
    const normal = normalFrom(1);
    for (let i = 0; i < 40_000; i++) observe(Array.from({ length: 27 }, normal));
    expect(changes).toEqual([]);
  });

  it('finds a shifted feature within two windows, names it alone, and calms down when it comes back', () => {
    const { drift, changes, observe } = monitor(3);
    const normal = normalFrom(2);
    const feed = (samples: number, shift: number) => {
      for (let i = 0; i < samples; i++) observe([normal(), normal() + shift, normal()]);
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
    const { changes, observe } = monitor(1);
    const normal = normalFrom(3);
    for (let i = 0; i < 2000; i++) observe([normal() * 2.5]);
    expect(changes).toMatchObject([{ feature: 'f0', drifting: true }]);
  });

  it('does not call a slow random walk drifting while it wanders where it always did, but does when it leaves', () => {
    const { changes, observe } = monitor(1);
    const normal = normalFrom(4);
    let x = 0;
    const feed = (samples: number, shift: number) => {
      for (let i = 0; i < samples; i++) {
        x = 0.999 * x + Math.sqrt(1 - 0.999 ** 2) * normal();
        observe([Math.max(-2.5, Math.min(2.5, x)) + shift]);
      }
    };
    feed(50_000, 0);
    expect(changes).toEqual([]);
    feed(10_000, 4);
    expect(changes[0]).toMatchObject({ drifting: true });
  });

  it('passes over missing values and shows shares of the last window beside the baseline', () => {
    const { drift, observe } = monitor(2, { window: 200 });
    expect(drift.view()[0]).toEqual({
      feature: 'f0',
      psi: 0,
      jensenShannon: 0,
      ks: null,
      drifting: false,
      sinceMs: null,
      shares: [],
      baselineShares: profile('f0').shares,
    });
    for (let i = 0; i < 400; i++) observe([i % 2 === 0 ? Number.NaN : 3, 0.1]);
    const [first, second] = drift.view();
    expect(first?.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(first?.shares[9]).toBeGreaterThan(0.9);
    expect(second?.shares[5]).toBeGreaterThan(0.9);
  });

  it('finds drift of an input whose training data had an outlier, and of one that leaves all bins', () => {
    const { drift, changes, observe } = monitor(2, { std: 100 });
    const normal = normalFrom(8);
    const feed = (samples: number, shift: number) => {
      for (let i = 0; i < samples; i++) observe([normal() + shift, normal()]);
    };
    feed(3000, 0);
    expect(changes).toEqual([]);
    feed(1000, 9);
    expect(changes).toMatchObject([{ feature: 'f0', drifting: true }]);
    feed(20_000, 9);
    expect(drift.drifting).toBe(true);
  });

  it('judges a flood once a second, by all that came in it', () => {
    const { drift, changes, clock } = monitor(1);
    const normal = normalFrom(6);
    const flood = (samples: number, shift: number) => {
      for (let i = 0; i < samples; i++) drift.observe([normal() + shift]);
    };
    flood(20_000, 0);
    flood(20_000, 3);
    expect(changes).toEqual([]);
    for (let second = 0; second < 3; second++) {
      clock.advance(1000);
      flood(2000, 3);
    }
    expect(changes).toMatchObject([{ feature: 'f0', drifting: true, sinceMs: clock.wallMs() - 1000 }]);
    expect(drift.statistics()[0]?.samples).toBeGreaterThan(2000);
  });

  it('finds two features that no longer move together though neither drifts, and says when they do again', () => {
    const { changes, pairs, observe } = monitor(3, { correlations: [0.8, 0, 0] });
    const normal = normalFrom(7);
    const feed = (samples: number, r: number) => {
      for (let i = 0; i < samples; i++) {
        const x = normal();
        observe([x, r * x + Math.sqrt(1 - r * r) * normal(), normal()]);
      }
    };
    feed(20_000, 0.82);
    expect(pairs).toEqual([]);
    feed(1500, -0.2);
    expect(pairs).toMatchObject([[{ features: ['f0', 'f1'], baseline: 0.8 }]]);
    feed(1500, 0.82);
    expect(pairs.map(({ length }) => length)).toEqual([1, 0]);
    expect(changes).toEqual([]);
  });
});
