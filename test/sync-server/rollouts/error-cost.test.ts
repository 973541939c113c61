import { describe, expect, it } from 'vitest';
import type { Metric } from '../../../protocol/manifest.ts';
import { errorCost } from '../../../sync-server/rollouts/error-cost.ts';

const F2: Metric = { name: 'f-beta', beta: 2, offline: 0, baseline: { name: 'none', value: 0 } };

describe('the cost of an error', () => {
  it('is one for the worst error, whatever beta', () => {
    const [missed, falseAlarm] = [errorCost(F2)(1, 0), errorCost(F2)(0, 1)];
    expect([missed, falseAlarm]).toEqual([1, 0.25]);
    const half = errorCost({ ...F2, beta: 0.5 });
    expect([half(1, 0), half(0, 1)]).toEqual([0.25, 1]);
    expect(half(1, 1)).toBe(0);
  });
});
