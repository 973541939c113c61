import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpen, nextOpening, WallClock, type WeeklyWindow } from '../../protocol/weekly-window.ts';

const MINUTE_MS = 60_000;
const berlin = new WallClock('Europe/Berlin');
const utc = new WallClock('UTC');
const night: WeeklyWindow = { days: ['mon', 'fri'], from: '22:00', to: '05:00' };
const at = (text: string) => Date.parse(text);

describe('a maintenance window', () => {
  it.each([
    ['on the named evening', '2026-11-23T22:00:00+01:00', true],
    ['after midnight of it', '2026-11-24T04:59:59+01:00', true],
    ['from its end on', '2026-11-24T05:00:00+01:00', false],
    ['before it begins', '2026-11-23T21:59:59+01:00', false],
    ['on the evening after', '2026-11-24T22:00:00+01:00', false],
    ['in the morning before', '2026-11-23T04:00:00+01:00', false],
  ])('over midnight is right %s', (_when, time, open) => {
    expect(isOpen([night], berlin, at(time))).toBe(open);
  });

  it('is always open where none is named, and for a whole day where both ends are the same', () => {
    expect(isOpen([], utc, 0)).toBe(true);
    const day: WeeklyWindow = { days: ['sat'], from: '06:00', to: '06:00' };
    expect(isOpen([day], utc, at('2026-11-28T06:00Z'))).toBe(true);
    expect(isOpen([day], utc, at('2026-11-29T05:59Z'))).toBe(true);
    expect(isOpen([day], utc, at('2026-11-29T06:00Z'))).toBe(false);
  });

  it('follows the clock on the wall through both changes of summer time', () => {
    const early: WeeklyWindow = { days: ['sun'], from: '02:00', to: '03:00' };
    // 29 March 2026: 02:00 to 03:00 is not there. 25 October 2026: it is there twice.
    const opening = nextOpening([early], berlin, at('2026-03-28T12:00+01:00'));
    expect(opening).toBe(at('2026-04-05T02:00+02:00'));
    for (const time of ['2026-10-25T02:30+02:00', '2026-10-25T02:30+01:00']) {
      expect(isOpen([early], berlin, at(time))).toBe(true);
    }
    const shift: WeeklyWindow = { days: ['sat'], from: '22:00', to: '05:00' };
    expect(nextOpening([shift], berlin, at('2026-03-28T12:00+01:00'))).toBe(at('2026-03-28T22:00+01:00'));
    expect(isOpen([shift], berlin, at('2026-03-29T04:59+02:00'))).toBe(true);
    expect(isOpen([shift], berlin, at('2026-03-29T05:00+02:00'))).toBe(false);
  });

  it('opens next in the very first minute of a window, whatever the windows are', () => {
    const time = fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
      .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
    const day = fc.constantFrom<WeeklyWindow['days'][number]>(
      'mon',
      'tue',
      'wed',
      'thu',
      'fri',
      'sat',
      'sun',
    );
    const window = fc.record({ days: fc.uniqueArray(day, { minLength: 1 }), from: time, to: time });
    const from = fc.integer({ min: at('2026-01-01T00:00Z'), max: at('2027-01-01T00:00Z') });
    fc.assert(
      fc.property(fc.array(window, { minLength: 1, maxLength: 3 }), from, (windows, fromMs) => {
        const opening = nextOpening(windows, berlin, fromMs);
        if (opening === null) throw new Error('a weekly window opens within two weeks');
        expect(isOpen(windows, berlin, opening)).toBe(true);
        if (opening > fromMs)
          expect(isOpen(windows, berlin, Math.max(fromMs, opening - MINUTE_MS))).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
