import { describe, expect, it } from 'vitest';
import { growthOf, type Point } from '../../bench/growth.ts';
import { normalFrom } from '../support/random.ts';

const MIB = 2 ** 20;
const EVERY_MS = 10_000;
const LOOKS = 180;

const looks = (bytes: (minutes: number, i: number) => number): Point[] =>
  Array.from({ length: LOOKS }, (_, i) => ({ atMs: i * EVERY_MS, bytes: bytes((i * EVERY_MS) / 60_000, i) }));

describe('the growth of memory', () => {
  it('of a straight line is its slope, without a spread', () => {
    const { bytesPerMin, spreadBytesPerMin } = growthOf(looks((minutes) => 50 * MIB + 0.25 * MIB * minutes));
    expect(bytesPerMin).toBeCloseTo(0.25 * MIB, 3);
    expect(spreadBytesPerMin).toBeCloseTo(0, 3);
  });

  it('of a heap that is collected every seven minutes is not told from none', () => {
    const { bytesPerMin, spreadBytesPerMin } = growthOf(looks((minutes) => 20 * MIB + (minutes % 7) * MIB));
    expect(Math.abs(bytesPerMin)).toBeLessThan(spreadBytesPerMin);
  });

  it('of a leak beneath such a heap is told', () => {
    const points = looks((minutes) => 20 * MIB + (minutes % 7) * MIB + 0.5 * MIB * minutes);
    const { bytesPerMin, spreadBytesPerMin } = growthOf(points);
    expect(bytesPerMin - spreadBytesPerMin).toBeGreaterThan(0);
    expect(bytesPerMin).toBeCloseTo(0.5 * MIB, -6);
  });

  it('lies within its spread some nineteen times in twenty where looks know nothing of each other', () => {
    const normal = normalFrom(6);
    const within = Array.from({ length: 400 }, () => {
      const points = looks((minutes) => 0.1 * MIB * minutes + normal() * MIB);
      const { bytesPerMin, spreadBytesPerMin } = growthOf(points);
      return Math.abs(bytesPerMin - 0.1 * MIB) <= spreadBytesPerMin;
    }).filter(Boolean).length;
    expect(within / 400).toBeGreaterThan(0.92);
    expect(within / 400).toBeLessThan(0.98);
  });

  it('of less than six looks is not known', () => {
    expect(growthOf(looks(() => 1).slice(0, 5)).bytesPerMin).toBeNaN();
  });
});
