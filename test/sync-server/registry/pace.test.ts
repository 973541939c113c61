import { expect, it } from 'vitest';
import { systemClock } from '../../../sync-server/clock.ts';
import { Pace } from '../../../sync-server/registry/pace.ts';

it('holds nobody up where there is no limit', async () => {
  const startMs = performance.now();
  for (let i = 0; i < 1000; i++) await new Pace(null, systemClock).spend(2 ** 30);
  expect(performance.now() - startMs).toBeLessThan(1000);
});

it('keeps all who send under one limit', async () => {
  const pace = new Pace(10_000, systemClock);
  const startMs = performance.now();
  await Promise.all([1, 2, 3, 4].map(() => pace.spend(1000)));
  expect(performance.now() - startMs).toBeGreaterThan(380);
});

it('ends a wait when the server stops', async () => {
  const stopping = new AbortController();
  const waiting = new Pace(1, systemClock).spend(2 ** 20, stopping.signal);
  stopping.abort();
  await waiting;
});
