import { expect, it } from 'vitest';
import { ProfileReporter } from '../../../agent/monitor/profile-reporter.ts';
import type { NewEvent } from '../../../agent/store/records.ts';
import type { InputProfile } from '../../../protocol/drift/input-profile.ts';
import { TestClock } from '../store/temp-store.ts';

const HOUR_MS = 3_600_000;

function profile(sinceMs: number | null): InputProfile {
  const feature = {
    name: 'torque_nm',
    samples: 500,
    missing: 0,
    counts: [250, 250],
    mean: 0,
    autocorrelation: 0,
    baseline: [0.5, 0.5],
    categorical: false,
    sinceMs,
  };
  return { model: 'a'.repeat(64), baselineRows: 100, features: [feature] };
}

it('tells when something is first known, when drift begins or ends, and each hour', () => {
  const clock = new TestClock();
  const told: NewEvent[] = [];
  let now: InputProfile | null = null;
  const reporter = new ProfileReporter({
    slots: () => [{ slot: 'milling', profile: now }],
    tell: (event) => told.push(event),
    clock,
  });
  const tellsAfter = (ms: number) => {
    clock.advance(ms);
    const before = told.length;
    reporter.look();
    return told.length - before;
  };
  expect(tellsAfter(5000)).toBe(0);
  now = profile(null);
  expect(tellsAfter(5000)).toBe(1);
  expect(tellsAfter(5000)).toBe(0);
  now = profile(clock.wallMs());
  expect(tellsAfter(5000)).toBe(1);
  now = profile(null);
  expect(tellsAfter(5000)).toBe(1);
  expect(tellsAfter(HOUR_MS - 5000)).toBe(0);
  expect(tellsAfter(5000)).toBe(1);
  expect(told[0]).toMatchObject({ kind: 'input-profile', slot: 'milling', severity: 'info' });
});
