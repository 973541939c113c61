import { describe, expect, it } from 'vitest';
import { type ClockJump, ClockJumps } from '../../agent/clock-jumps.ts';
import { clockJumpEvent } from '../../agent/monitor/clock-jump-event.ts';

const HOUR_MS = 3_600_000;

class TwoClocks {
  wall = 1_764_000_000_000;
  monotonic = 0;
  /** Passes before the wall clock is read next. */
  heldUpMs = 0;
  readonly told: ClockJump[] = [];
  readonly jumps = new ClockJumps(
    { wallMs: () => this.#wallMs(), monotonicUs: () => this.monotonic * 1000 },
    (jump) => this.told.push(jump),
  );

  #wallMs(): number {
    this.wall += this.heldUpMs;
    this.monotonic += this.heldUpMs;
    this.heldUpMs = 0;
    return this.wall;
  }

  /** Both run on, as they do. */
  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
    this.jumps.recent();
  }
}

describe('a wall clock that is set', () => {
  it.each([3 * HOUR_MS, -3 * HOUR_MS, 2500, -2500])('is noticed: by %i ms', (byMs) => {
    const clocks = new TwoClocks();
    clocks.pass(5000);
    clocks.wall += byMs;
    clocks.pass(1000);
    const [jump] = clocks.told;
    expect((jump?.afterMs ?? 0) - (jump?.beforeMs ?? 0)).toBe(byMs);
    clocks.pass(1000);
    expect(clocks.told).toHaveLength(1);
    expect(clocks.jumps.recent()).toEqual(clocks.told);
  });

  it('is not mistaken for one that a time server leads, or for a process that stood still', () => {
    const clocks = new TwoClocks();
    for (let i = 0; i < 100; i++) {
      clocks.wall += 500;
      clocks.pass(1000);
    }
    clocks.pass(24 * HOUR_MS);
    expect(clocks.told).toEqual([]);
  });

  it('is not mistaken for a process that stood still while it read the two clocks, in that reading nor in the next', () => {
    const clocks = new TwoClocks();
    clocks.pass(1000);
    clocks.heldUpMs = 5000;
    clocks.pass(1000);
    clocks.pass(1000);
    expect(clocks.told).toEqual([]);
    clocks.wall -= HOUR_MS;
    clocks.pass(1000);
    expect(clocks.told).toHaveLength(1);
  });

  it('is remembered for a while only', () => {
    const clocks = new TwoClocks();
    for (let i = 0; i < 100; i++) {
      clocks.wall += HOUR_MS;
      clocks.pass(1000);
    }
    expect(clocks.told).toHaveLength(100);
    expect(clocks.jumps.recent()).toHaveLength(32);
  });

  it('is told of in words, with its size', () => {
    const event = clockJumpEvent({ beforeMs: 10 * HOUR_MS, afterMs: 7 * HOUR_MS });
    expect(event).toMatchObject({ kind: 'clock-jumped', severity: 'warning', data: { byMs: -3 * HOUR_MS } });
    expect(event.message).toContain('went back by 3 hours');
  });
});
