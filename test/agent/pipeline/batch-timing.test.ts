import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchDelayUs } from '../../../agent/pipeline/batch-timing.ts';

const moment = { queuedRows: 1, maxRows: 32, inFlight: 1, waitedUs: 0, maxDelayUs: 500 };

describe('when a batch starts', () => {
  it('never lets a sample wait while nothing of its lane is in the engine, whatever the delay', () => {
    const positive = fc.integer({ min: 1, max: 5000 });
    fc.assert(
      fc.property(positive, positive, positive, fc.nat(), (queuedRows, maxRows, maxDelayUs, waitedUs) => {
        expect(batchDelayUs({ queuedRows, maxRows, maxDelayUs, waitedUs, inFlight: 0 })).toBe(0);
      }),
    );
  });

  it('waits for more while the engine is busy, for the rest of the delay and no longer', () => {
    expect(batchDelayUs(moment)).toBe(500);
    expect(batchDelayUs({ ...moment, waitedUs: 200 })).toBe(300);
    expect(batchDelayUs({ ...moment, waitedUs: 700 })).toBe(0);
  });

  it('does not wait for more than fits', () => {
    expect(batchDelayUs({ ...moment, queuedRows: 32 })).toBe(0);
  });

  it('has one batch ready behind the one in the engine, never a third', () => {
    expect(batchDelayUs({ ...moment, maxDelayUs: 0 })).toBe(0);
    expect(batchDelayUs({ ...moment, queuedRows: 99, inFlight: 2 })).toBe(Number.POSITIVE_INFINITY);
    expect(batchDelayUs({ ...moment, queuedRows: 0, inFlight: 0 })).toBe(Number.POSITIVE_INFINITY);
  });
});
