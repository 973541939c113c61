import { describe, expect, it } from 'vitest';
import { BOUNDS_US, Histogram } from '../../../agent/monitor/histogram.ts';
import { InferenceFigures } from '../../../agent/monitor/inference-figures.ts';

const model = (version: number) => ({ manifest: { name: 'tiny', version } });

describe('a histogram of durations', () => {
  it('puts a duration that equals a bound into that bound’s bucket', () => {
    const histogram = new Histogram();
    histogram.observe(50);
    histogram.observe(51);
    histogram.observe(1e9);
    const { buckets, count, sumUs } = histogram.view();
    expect(buckets[0]).toBe(1);
    expect(buckets[1]).toBe(1);
    expect(buckets[BOUNDS_US.length]).toBe(1);
    expect([count, sumUs]).toEqual([3, 1e9 + 101]);
  });

  it('takes a clock that went back for no time at all', () => {
    const histogram = new Histogram();
    histogram.observe(-5, 2);
    expect(histogram.view()).toMatchObject({ sumUs: 0, count: 2 });
  });
});

describe('the figures of a model', () => {
  it('counts a batch’s time for each of its requests, as Triton does', () => {
    const figures = new InferenceFigures({ wallMs: () => 1234 });
    figures.queued('s', model(1), [10, 20, 30, 40]);
    figures.executed('s', model(1), { rows: 6, requests: 4, inputUs: 5, computeUs: 100 });
    figures.decided('s', model(1), 3, [200, 200, 200, 200]);
    figures.failed('s', model(1), [30, 50]);
    figures.cache('s', model(1), 3, 1, 8);
    expect(figures.all()).toMatchObject([
      {
        slot: 's',
        model: 'tiny',
        version: 1,
        success: { count: 4, ns: 800_000 },
        fail: { count: 2, ns: 80_000 },
        inferenceCount: 6,
        executionCount: 1,
        queue: { count: 4, ns: 100_000 },
        computeInput: { count: 4, ns: 20_000 },
        computeInfer: { count: 4, ns: 400_000 },
        computeOutput: { count: 4, ns: 12_000 },
        cacheHit: { count: 3, ns: 6000 },
        cacheMiss: { count: 1, ns: 2000 },
        lastInferenceMs: 1234,
        batches: [{ rows: 8, count: 1, computeNs: 100_000 }],
      },
    ]);
  });

  it('gathers batch sizes in powers of two, so that their number is bounded', () => {
    const figures = new InferenceFigures({ wallMs: () => 0 });
    for (let rows = 1; rows <= 1024; rows++)
      figures.executed('s', model(1), { rows, requests: rows, inputUs: 0, computeUs: 1 });
    const batches = figures.all()[0]?.batches ?? [];
    expect(batches.map(({ rows }) => rows)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]);
    expect(batches.reduce((sum, { count }) => sum + count, 0)).toBe(1024);
  });

  it('keeps eight versions of a slot, and never loses the one that works through all of them', () => {
    let nowMs = 0;
    const figures = new InferenceFigures({ wallMs: () => ++nowMs });
    const run = { rows: 1, requests: 1, inputUs: 0, computeUs: 1 };
    for (let version = 2; version <= 20; version++) {
      figures.executed('s', model(1), run);
      figures.executed('s', model(version), run);
    }
    expect(figures.all().map(({ version }) => version)).toEqual([1, 14, 15, 16, 17, 18, 19, 20]);
    expect(figures.all()[0]?.inferenceCount).toBe(19);
  });
});
