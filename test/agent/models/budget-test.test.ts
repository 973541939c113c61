import { describe, expect, it } from 'vitest';
import { checkBudget, measureLatency, runLargeBatch } from '../../../agent/models/budget-test.ts';
import { deadlineMs } from '../../../agent/models/deadline.ts';
import { makePackage, manifestOf } from '../../support/packages.ts';

const manifest = manifestOf(makePackage());
const golden = { samples: [{ input: [1, 0], output: [0.73] }] };

/** Answers with the given times, then with the last of them for ever. */
function costing(timesMs: readonly number[]) {
  const asked: { rows: number; timeoutMs: number | undefined }[] = [];
  const run: Parameters<typeof measureLatency>[0] = async (batch, options) => {
    const ms = timesMs[Math.min(asked.length, timesMs.length - 1)] ?? 0;
    asked.push({ rows: batch.rows, timeoutMs: options?.timeoutMs });
    return { output: new Float32Array(batch.rows), width: 1, computeUs: ms * 1000 };
  };
  return { run, asked };
}

describe('the cost of a model', () => {
  it('is the 99th percentile of 50 runs of one row', async () => {
    const { run, asked } = costing([...Array<number>(48).fill(1), 7, 9]);
    expect(await measureLatency(run, manifest, golden, undefined)).toBe(9);
    expect(asked).toHaveLength(50);
    expect(asked.every(({ rows }) => rows === 1)).toBe(true);
  });

  it('is measured anew when one round is over the budget, because once may be the machine', async () => {
    const { run, asked } = costing([...Array<number>(49).fill(1), 80, ...Array<number>(50).fill(2)]);
    expect(await measureLatency(run, manifest, golden, 5)).toBe(2);
    expect(asked).toHaveLength(100);
  });

  it('takes a slow model’s word sooner: about a second a round', async () => {
    const { run, asked } = costing([400]);
    expect(await measureLatency(run, manifest, golden, 5)).toBe(400);
    expect(asked).toHaveLength(15);
  });

  it('grows with a batch that the champion can wait for', async () => {
    const fast = costing([0.1]);
    await runLargeBatch(fast.run, manifest, golden, { maxRows: 256, rowMs: 0.1 });
    expect(fast.asked[0]?.rows).toBe(256);
    const slow = costing([50]);
    await runLargeBatch(slow.run, manifest, golden, { maxRows: 256, rowMs: 50 });
    expect(slow.asked[0]?.rows).toBe(2);
  });

  it.each([
    [{ latencyP99Ms: 5.001, memoryBytes: 0 }, 'MODEL_TOO_SLOW', /5\.00 ms \(p99\).*allowed are 5 ms/],
    [{ latencyP99Ms: 1, memoryBytes: 21 * 2 ** 20 }, 'MODEL_TOO_LARGE', /21\.0 MiB.*allowed are 20 MiB/],
  ])('is refused over the budget with what was measured and what is allowed: %j', (figures, code, words) => {
    const budget = { latencyP99Ms: 5, memoryMiB: 20 };
    const thrown = (() => {
      try {
        checkBudget(figures, budget);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({ code, message: expect.stringMatching(words) });
    expect(() => checkBudget({ latencyP99Ms: 5, memoryBytes: 20 * 2 ** 20 }, budget)).not.toThrow();
    expect(() => checkBudget(figures, {})).not.toThrow();
  });
});

describe('the deadline of a batch', () => {
  it('is a second at least, 20 times the measured time of its rows beyond, and none where nothing was measured', () => {
    expect(deadlineMs(0.1, 1)).toBe(1000);
    expect(deadlineMs(0.5, 256)).toBe(2560);
    expect(deadlineMs(undefined, 256)).toBeUndefined();
  });
});
