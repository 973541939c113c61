import { describe, expect, it } from 'vitest';
import { cellTime } from '../../../agent/sources/cell.ts';
import { Pace } from '../../../agent/sources/pace.ts';

describe('the pace of a replay', () => {
  it('is the rhythm of the recording, from the first row on', () => {
    const pace = new Pace(1);
    expect(pace.dueUs(1_000_000, 500)).toBe(500);
    expect(pace.dueUs(1_000_250, 600)).toBe(250_500);
    expect(pace.dueUs(1_001_000, 999_999_999)).toBe(1_000_500);
  });

  it('is scaled', () => {
    const pace = new Pace(10);
    pace.dueUs(0, 0);
    expect(pace.dueUs(1000, 0)).toBe(100_000);
  });

  it('lets rows that are out of order through at once', () => {
    const pace = new Pace(1);
    pace.dueUs(1000, 0);
    pace.dueUs(2000, 0);
    expect(pace.dueUs(500, 0)).toBeLessThanOrEqual(1_000_000);
  });

  it('begins a repeat where the last pass ended', () => {
    const pace = new Pace(1);
    pace.dueUs(1000, 0);
    pace.dueUs(3000, 0);
    pace.restart();
    expect(pace.dueUs(1000, 0)).toBe(2_000_000);
    expect(pace.dueUs(1500, 0)).toBe(2_500_000);
  });
});

describe('the time in a cell', () => {
  const noon = Date.UTC(2026, 0, 2, 12);
  it.each([
    ['2026-01-02T12:00:00Z', noon],
    ['2026-01-02 12:00:00', noon],
    ['2026-01-02T13:00+01:00', noon],
    ['2026-01-02', noon - 12 * 3_600_000],
    [String(noon), noon],
    [noon, noon],
    ['02.01.2026 12:00', undefined],
    ['2026-13-02', undefined],
    ['', undefined],
    ['noon', undefined],
    [null, undefined],
    [Number.POSITIVE_INFINITY, undefined],
  ])('%j is %s', (cell, ms) => {
    expect(cellTime(cell)).toBe(ms);
  });
});
