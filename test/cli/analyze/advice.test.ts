import { describe, expect, it } from 'vitest';
import { advise, configLines } from '../../../cli/analyze/advice.ts';
import type { Point } from '../../../cli/analyze/sweep.ts';

const point = (threads: number, batch: number, p99Ms: number, rowsPerS: number): Point => ({
  threads,
  batch,
  p50Ms: p99Ms / 2,
  p99Ms,
  rowsPerS,
  runs: 100,
});

const points = [
  point(1, 1, 0.1, 10_000),
  point(1, 32, 0.5, 91_000),
  point(1, 256, 4, 95_000),
  point(2, 32, 0.4, 93_000),
  point(2, 256, 3, 100_000),
];

describe('what to pick of a sweep', () => {
  it('is the fewest threads and the smallest batch within 90 % of the best rate', () => {
    const { pick, why } = advise(points, null);
    expect([pick.threads, pick.batch]).toEqual([1, 32]);
    expect(why).toBe(
      'Take 1 thread with batches of up to 32: 91,000 rows/s at 0.500 ms (p99 of a batch). ' +
        'The fastest, 2 threads with batches of up to 256, does 100,000 rows/s: not enough more to be worth 1 more core.',
    );
  });

  it('takes more threads where they are worth it', () => {
    const { pick, why } = advise([point(1, 64, 1, 50_000), point(2, 64, 0.5, 98_000)], null);
    expect(pick.threads).toBe(2);
    expect(why).toContain('It is also the fastest');
  });

  it('keeps the budget, and measures “best” among what keeps it', () => {
    const { pick, inBudget, why } = advise(points, 0.2);
    expect([pick.batch, inBudget]).toEqual([1, true]);
    expect(why).toContain(
      'Take 1 thread and one row at a time: 10,000 rows/s at 0.100 ms (p99 of a batch) and keeps the budget of 0.2 ms.',
    );
  });

  it('says so when nothing keeps the budget', () => {
    const { pick, inBudget, why } = advise(points, 0.05);
    expect([pick.batch, inBudget]).toEqual([1, false]);
    expect(why).toMatch(/^Nothing keeps 0.05 ms/);
  });

  it('gives lines for the configuration of that slot', () => {
    expect(configLines(points[1] as Point, 'milling')).toBe(
      '"engine": { "threads": 1 }\n"slots": { "milling": { "batch": { "maxRows": 32 } } }',
    );
  });
});
