/** The time by which signed metadata expire only moves forward, whatever the wall clock says. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrustedClock } from '../../../agent/trust/trusted-clock.ts';
import { HandClock } from './hand-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2027, 5, 1);
const RELEASED_MS = Date.UTC(2026, 10, 1);

/** Looks every quarter of an hour, as the agent does more or less. */
function runEvenly(clock: HandClock, trusted: TrustedClock, ms: number): void {
  for (let at = 0; at < ms; at += HOUR_MS / 4) {
    clock.run(HOUR_MS / 4);
    trusted.nowMs();
  }
}

describe('the trusted clock', () => {
  it('is the wall clock while that is plausible', () => {
    const clock = new HandClock(NOW_MS);
    const trusted = new TrustedClock(clock);
    expect(trusted.nowMs()).toBe(NOW_MS);
    clock.run(5 * DAY_MS);
    expect(trusted.nowMs()).toBe(NOW_MS + 5 * DAY_MS);
  });

  it('knows nothing earlier than its own release, also on a device without a battery', () => {
    const trusted = new TrustedClock(new HandClock(0));
    expect(trusted.nowMs()).toBe(RELEASED_MS);
  });

  it('goes on from the floor while the process runs, when the wall clock is of no use', () => {
    const clock = new HandClock(0);
    const trusted = new TrustedClock(clock, NOW_MS);
    clock.run(DAY_MS);
    expect(trusted.nowMs()).toBe(NOW_MS + DAY_MS);
    expect(trusted.floorMs).toBe(NOW_MS + DAY_MS);
  });

  it('does not follow a wall clock that is set back', () => {
    const clock = new HandClock(NOW_MS);
    const trusted = new TrustedClock(clock);
    runEvenly(clock, trusted, 2 * HOUR_MS);
    clock.wall -= 300 * DAY_MS;
    expect(trusted.nowMs()).toBe(NOW_MS + 2 * HOUR_MS);
    clock.run(HOUR_MS);
    expect(trusted.nowMs()).toBe(NOW_MS + 3 * HOUR_MS);
  });

  it('forgets a jump ahead that was set right within the hour', () => {
    const clock = new HandClock(NOW_MS);
    const trusted = new TrustedClock(clock, NOW_MS - DAY_MS);
    clock.wall += 400 * DAY_MS;
    runEvenly(clock, trusted, HOUR_MS / 2);
    expect(trusted.nowMs()).toBe(clock.wall);
    clock.wall -= 400 * DAY_MS;
    expect(trusted.nowMs()).toBe(NOW_MS + HOUR_MS / 2);
    expect(trusted.floorMs).toBeLessThan(NOW_MS);
  });

  it('takes a wall clock for true that ran evenly for an hour', () => {
    const clock = new HandClock(NOW_MS);
    const trusted = new TrustedClock(clock, NOW_MS - 100 * DAY_MS);
    runEvenly(clock, trusted, HOUR_MS);
    expect(trusted.floorMs).toBe(NOW_MS + HOUR_MS);
  });

  it('begins the hour anew at each step, not at the slew of a time service', () => {
    const clock = new HandClock(NOW_MS);
    const trusted = new TrustedClock(clock, NOW_MS - 100 * DAY_MS);
    runEvenly(clock, trusted, HOUR_MS / 2);
    clock.wall += 6000;
    runEvenly(clock, trusted, (HOUR_MS * 3) / 4);
    expect(trusted.floorMs).toBeLessThan(NOW_MS);
    clock.wall += 400;
    runEvenly(clock, trusted, HOUR_MS / 2);
    expect(trusted.floorMs).toBeGreaterThan(NOW_MS);
  });

  it('does not believe a wall clock that is five years ahead of all that it knows', () => {
    const clock = new HandClock(NOW_MS + 6 * 365 * DAY_MS);
    const trusted = new TrustedClock(clock, NOW_MS);
    runEvenly(clock, trusted, 2 * HOUR_MS);
    expect(trusted.nowMs()).toBe(NOW_MS + 2 * HOUR_MS);
  });

  it('is raised by a time that was signed, and never lowered by one', () => {
    const clock = new HandClock(0);
    const trusted = new TrustedClock(clock, NOW_MS);
    trusted.signed(NOW_MS + DAY_MS);
    expect(trusted.nowMs()).toBe(NOW_MS + DAY_MS);
    trusted.signed(NOW_MS - DAY_MS);
    expect(trusted.nowMs()).toBe(NOW_MS + DAY_MS);
  });

  it('goes on after a reboot without a battery from what was kept', () => {
    const clock = new HandClock(NOW_MS);
    const before = new TrustedClock(clock);
    runEvenly(clock, before, 2 * HOUR_MS);
    const { floorMs } = before;
    const after = new TrustedClock(clock.reboot(30 * DAY_MS, { battery: false }), floorMs);
    expect(after.nowMs()).toBe(NOW_MS + 2 * HOUR_MS);
  });

  it('is set right by a person with the offline keys, even back', () => {
    const clock = new HandClock(NOW_MS);
    const trusted = new TrustedClock(clock, NOW_MS + 300 * DAY_MS);
    expect(trusted.nowMs()).toBe(NOW_MS + 300 * DAY_MS);
    trusted.begin(NOW_MS);
    expect(trusted.floorMs).toBe(NOW_MS);
  });

  it('never goes below its floor, and its floor never back, whatever the wall clock does', () => {
    const change = fc.oneof(
      fc.record({ kind: fc.constant('run' as const), ms: fc.nat(2 * HOUR_MS) }),
      fc.record({ kind: fc.constant('jump' as const), ms: fc.integer({ min: -9e11, max: 9e11 }) }),
      fc.record({ kind: fc.constant('signed' as const), ms: fc.integer({ min: -9e9, max: 9e9 }) }),
      fc.record({ kind: fc.constant('reboot' as const), ms: fc.nat(90 * DAY_MS), battery: fc.boolean() }),
    );
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 40 }),
        fc.integer({ min: 0, max: 4e12 }),
        (changes, wallMs) => {
          const clock = new HandClock(wallMs);
          let trusted = new TrustedClock(clock);
          let floorMs = trusted.floorMs;
          for (const each of changes) {
            if (each.kind === 'run') clock.run(each.ms);
            if (each.kind === 'jump') clock.wall += each.ms;
            if (each.kind === 'signed') trusted.signed(NOW_MS + each.ms);
            if (each.kind === 'reboot') trusted = new TrustedClock(clock.reboot(each.ms, each), floorMs);
            const nowMs = trusted.nowMs();
            expect(nowMs).toBeGreaterThanOrEqual(floorMs);
            expect(trusted.floorMs).toBeGreaterThanOrEqual(floorMs);
            floorMs = trusted.floorMs;
            expect(floorMs).toBeGreaterThanOrEqual(RELEASED_MS);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
