import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backOffMs } from '../../../agent/sync/back-off.ts';

it('stays between half and the whole of the doubled time, and under the limit', () => {
  fc.assert(
    fc.property(fc.nat(2000), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
      const whole = Math.min(30_000, 100 * 2 ** attempt);
      const ms = backOffMs(attempt, 100, 30_000, random);
      expect(ms).toBeGreaterThanOrEqual(whole / 2);
      expect(ms).toBeLessThanOrEqual(whole);
    }),
  );
});
