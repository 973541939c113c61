/** How a fleet comes back: nobody waits too long, and never all at once. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backOffMs } from '../../../agent/sync/back-off.ts';
import { randomFrom } from '../../support/random.ts';

const BASE_MS = 1000;
const MAX_MS = 30_000;
const DEVICES = 1000;

/** When each device is back that lost its broker at 0, which is there again from `outageMs` on. */
function returnsMs(outageMs: number, jitter: () => number): number[] {
  return Array.from({ length: DEVICES }, () => {
    let nowMs = 0;
    for (let attempt = 0; ; attempt++) {
      nowMs += backOffMs(attempt, BASE_MS, MAX_MS, jitter());
      if (nowMs >= outageMs) return nowMs;
    }
  });
}

/** The most that come back in one second. */
function crowd(times: readonly number[]): number {
  const seconds = new Map<number, number>();
  for (const ms of times) seconds.set(Math.floor(ms / 1000), (seconds.get(Math.floor(ms / 1000)) ?? 0) + 1);
  return Math.max(...seconds.values());
}

it('waits any time up to the doubled one, and never longer than the limit', () => {
  fc.assert(
    fc.property(fc.nat(2000), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
      const whole = Math.min(MAX_MS, 100 * 2 ** attempt);
      expect(backOffMs(attempt, 100, MAX_MS, random)).toBe(random * whole);
    }),
  );
});

it.each([20_000, 60_000, 600_000])(
  'spreads a thousand devices that lost their broker in one instant for %i ms',
  (outageMs) => {
    const times = returnsMs(outageMs, randomFrom(1));
    expect(crowd(times)).toBeLessThan(DEVICES / 10);
    expect(Math.max(...times)).toBeLessThanOrEqual(outageMs + MAX_MS);
    // Without jitter they would all knock in the same second.
    expect(crowd(returnsMs(outageMs, () => 0.999))).toBe(DEVICES);
  },
);
