import { describe, expect, it } from 'vitest';
import { parsePastTime } from '../../../cli/dataset/past-time.ts';

const NOW = Date.UTC(2026, 10, 28, 12);

describe('a time on the command line', () => {
  it.each([
    ['2026-11-01', Date.UTC(2026, 10, 1)],
    ['2026-11-01T06:00Z', Date.UTC(2026, 10, 1, 6)],
    ['2026-11-01T06:00:30.5+02:00', Date.UTC(2026, 10, 1, 4, 0, 30, 500)],
    ['14d', NOW - 14 * 86_400_000],
    ['8h', NOW - 8 * 3_600_000],
    ['30m', NOW - 30 * 60_000],
    ['99999d', 0],
  ])('%s', (text, timeMs) => {
    expect(parsePastTime(text, NOW)).toBe(timeMs);
  });

  it.each(['', 'yesterday', '2026-13-01', '2026-11-01T06:00', '11/01/2026', '14', '-1d', '1969-01-01'])(
    'is not "%s"',
    (text) => {
      expect(parsePastTime(text, NOW)).toBeUndefined();
    },
  );
});
