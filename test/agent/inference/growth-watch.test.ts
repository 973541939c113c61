import { describe, expect, it } from 'vitest';
import { GrowthWatch } from '../../../agent/inference/growth-watch.ts';

const MIB = 2 ** 20;
const MINUTE_MS = 60_000;

describe('an engine process that grows', () => {
  it('may hold what the device allows, and no more', () => {
    const watch = new GrowthWatch(300 * MIB);
    expect(watch.isTooLarge(300 * MIB, 90 * MIB, 0)).toBe(false);
    expect(watch.isTooLarge(301 * MIB, 90 * MIB, 0)).toBe(true);
  });

  it('may hold a multiple of its size after loading where the device says nothing', () => {
    const watch = new GrowthWatch(null);
    expect(watch.isTooLarge(900 * MIB, 100 * MIB, 0)).toBe(false);
    expect(watch.isTooLarge(950 * MIB, 100 * MIB, 0)).toBe(true);
    expect(watch.isTooLarge(950 * MIB, 200 * MIB, 0)).toBe(false);
  });

  it('is made anew once a minute at most, so that a limit too low costs no line its engine', () => {
    const watch = new GrowthWatch(50 * MIB);
    watch.renewed(0);
    expect(watch.isTooLarge(90 * MIB, 90 * MIB, MINUTE_MS - 1)).toBe(false);
    expect(watch.isTooLarge(90 * MIB, 90 * MIB, MINUTE_MS)).toBe(true);
  });

  it('that grows anew at once is given twice the room, for an hour', () => {
    const watch = new GrowthWatch(null);
    watch.renewed(0);
    expect(watch.isTooLarge(1000 * MIB, 100 * MIB, 2 * MINUTE_MS)).toBe(false);
    expect(watch.isTooLarge(1900 * MIB, 100 * MIB, 2 * MINUTE_MS)).toBe(true);
    expect(watch.isTooLarge(1000 * MIB, 100 * MIB, 61 * MINUTE_MS)).toBe(true);
  });
});
