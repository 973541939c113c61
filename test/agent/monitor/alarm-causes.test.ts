import { describe, expect, it } from 'vitest';
import { AlarmCauses, type AlarmCausesDeps } from '../../../agent/monitor/alarm-causes.ts';
import { type BacklogFacts, BacklogWatch, isGrowing } from '../../../agent/monitor/backlog-watch.ts';
import { certificateAlarm } from '../../../agent/monitor/certificate-alarm.ts';
import { type ClockFacts, clockAlarm } from '../../../agent/monitor/clock-alarm.ts';
import { servingAlarms } from '../../../agent/monitor/serving-alarms.ts';
import { spanWords } from '../../../agent/monitor/span-words.ts';
import { ServerTime } from '../../../agent/sync/server-time.ts';
import { NOW_MS, TestClock } from '../store/temp-store.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('the clock alarm', () => {
  const facts: ClockFacts = { wallMs: NOW_MS, serverMs: NOW_MS, floorMs: NOW_MS - DAY_MS };
  const textOf = (change: Partial<ClockFacts>, before = false) =>
    clockAlarm({ ...facts, ...change }, before)?.text;

  it('goes by the server’s clock: a minute is too much, and half a minute well again', () => {
    expect(textOf({ serverMs: NOW_MS - 60_000 })).toBeUndefined();
    expect(textOf({ serverMs: NOW_MS - 61_000 })).toBe(
      'The clock of this device is 61 s ahead of the server’s.',
    );
    expect(textOf({ serverMs: NOW_MS + 3 * HOUR_MS })).toBe(
      'The clock of this device is 3 hours behind the server’s.',
    );
    expect(textOf({ serverMs: NOW_MS - 45_000 }, true)).toBeDefined();
    expect(textOf({ serverMs: NOW_MS - 29_000 }, true)).toBeUndefined();
  });

  it('knows without a server that no time comes twice, and that nobody was off for years', () => {
    expect(textOf({ serverMs: null })).toBeUndefined();
    expect(textOf({ serverMs: null, wallMs: 0 })).toMatch(/shows 1970-01-01 00:00, but it has been 2025-/);
    expect(textOf({ serverMs: null, wallMs: Date.UTC(2038, 0, 19) })).toMatch(/shows 2038-01-19 00:00, more/);
    expect(textOf({ serverMs: null, wallMs: NOW_MS + 4 * 365 * DAY_MS })).toBeUndefined();
  });

  it('believes the server more than a time that this device once believed', () => {
    expect(textOf({ floorMs: NOW_MS + DAY_MS })).toBeUndefined();
    expect(textOf({ floorMs: NOW_MS + DAY_MS, serverMs: null })).toBeDefined();
  });
});

describe('the server’s time', () => {
  it('is known by the message that was delayed least, and runs on', () => {
    const clock = new TestClock();
    const server = new ServerTime(clock);
    expect(server.nowMs()).toBeNull();
    server.heard(NOW_MS - 40_000);
    clock.advance(1000);
    server.heard(NOW_MS + 990);
    clock.advance(5000);
    server.heard(NOW_MS - 30_000);
    expect(server.nowMs()).toBe(NOW_MS + 5990);
  });

  it('follows a server whose clock was set back, and is unknown after an hour', () => {
    const clock = new TestClock();
    const server = new ServerTime(clock);
    server.heard(NOW_MS);
    for (let i = 0; i < 16; i += 1) server.heard(NOW_MS - DAY_MS);
    expect(server.nowMs()).toBe(NOW_MS - DAY_MS);
    clock.advance(HOUR_MS + 1000);
    expect(server.nowMs()).toBeNull();
  });
});

describe('the certificate alarm', () => {
  it('leaves a device alone that needs no certificate, or has one for weeks', () => {
    expect(certificateAlarm(undefined, NOW_MS)).toBeNull();
    expect(certificateAlarm(NOW_MS + 15 * DAY_MS, NOW_MS)).toBeNull();
  });

  it.each([
    [13, 'warning', /ends in 13 days, and its renewal has not succeeded/],
    [2, 'alarm', /ends in 2 days/],
    [-5, 'alarm', /ended 5 days ago/],
  ])('of one that ends in %i days is a %s', (days, severity, text) => {
    expect(certificateAlarm(NOW_MS + days * DAY_MS, NOW_MS)).toMatchObject({
      code: 'certificate-ending',
      severity,
      text: expect.stringMatching(text),
    });
  });

  it('says how to get the first one', () => {
    expect(certificateAlarm(null, NOW_MS)).toMatchObject({
      code: 'not-enrolled',
      next: expect.stringContaining('andon enrol'),
    });
  });
});

describe('a backlog', () => {
  const looks = (value: (i: number) => number) => Array.from({ length: 60 }, (_, i) => value(i));

  it('grows when it is larger in all of the last minutes than it was ten minutes ago', () => {
    expect(
      isGrowing(
        looks((i) => 500 + 50 * i),
        false,
      ),
    ).toBe(true);
    expect(isGrowing(looks((i) => 500 + 50 * i).slice(1), false)).toBe(false);
  });

  it('does not grow while it is sent, in waves, or by little', () => {
    expect(
      isGrowing(
        looks((i) => 1_000_000 - 9000 * i),
        false,
      ),
    ).toBe(false);
    expect(
      isGrowing(
        looks((i) => (i % 10) * 3000),
        false,
      ),
    ).toBe(false);
    expect(
      isGrowing(
        looks((i) => 5 * i),
        false,
      ),
    ).toBe(false);
  });

  it('counts as growing until it shrinks', () => {
    expect(
      isGrowing(
        looks(() => 5000),
        true,
      ),
    ).toBe(true);
    expect(
      isGrowing(
        looks((i) => 5000 - 50 * i),
        true,
      ),
    ).toBe(false);
  });

  it('that a cap makes is told as the cap’s, also in the moments when nothing is on its way', () => {
    const clock = new TestClock();
    let link: BacklogFacts = { connected: true, waiting: 0, pace: null };
    const watch = new BacklogWatch({ link: () => link, clock });
    const grow = (pace: string | null) => {
      for (let look = 0; look < 60; look++) {
        clock.advance(10_000);
        const waiting = 1000 + 100 * look;
        link = {
          connected: true,
          waiting: look % 2 ? waiting : 0,
          pace: pace ? { words: pace, waiting } : null,
        };
        watch.causes();
      }
      return watch.causes()[0]?.text;
    };
    expect(grow(null)).toBeUndefined();
    expect(grow('slot press may send 500 bytes a second')).toBe(
      'This device makes more predictions than may be sent: 6,900 wait. The cap: slot press may send 500 bytes a second.',
    );
  });
});

describe('all causes together', () => {
  const calm: AlarmCausesDeps = {
    slots: () => [],
    link: () => ({ connected: true, acked: 1, waiting: 0, pace: null }),
    serving: () => ({ engineAlive: true, bareSlots: [], failing: null, goneRecords: null }),
    machine: () => [],
    serverMs: () => null,
    floorMs: () => NOW_MS - DAY_MS,
    certificateEndsAtMs: () => undefined,
    outputs: () => [],
    clock: new TestClock(),
  };
  const codesOf = (change: Partial<AlarmCausesDeps>) =>
    new AlarmCauses({ ...calm, ...change }).now().map(({ code }) => code);

  it('are none on a device that is well', () => {
    expect(codesOf({})).toEqual([]);
  });

  it('judge a certificate by the server’s clock rather than by one that is off', () => {
    const endsIn = (days: number) => () => NOW_MS + days * DAY_MS;
    expect(codesOf({ certificateEndsAtMs: endsIn(10) })).toEqual(['certificate-ending']);
    const serverMs = () => NOW_MS - 30 * DAY_MS;
    expect(codesOf({ certificateEndsAtMs: endsIn(10), serverMs })).toEqual(['clock-off']);
  });

  it('keep a clock off that is only half mended', () => {
    let serverMs = NOW_MS - 61_000;
    const causes = new AlarmCauses({ ...calm, serverMs: () => serverMs });
    expect(causes.now()).toHaveLength(1);
    serverMs = NOW_MS - 45_000;
    expect(causes.now()).toHaveLength(1);
    serverMs = NOW_MS - 20_000;
    expect(causes.now()).toHaveLength(0);
    serverMs = NOW_MS - 45_000;
    expect(causes.now()).toHaveLength(0);
  });
});

it('says who does not do his work', () => {
  const facts = {
    engineAlive: false,
    bareSlots: [{ slot: 'milling', reason: 'refused' }],
    failing: 'STORE_FULL',
    goneRecords: 1200,
  };
  expect(servingAlarms(facts).map(({ code, text }) => [code, text])).toEqual([
    ['engine-down', 'The engine is down. It is being started again.'],
    ['no-model', 'No model serves milling. refused.'],
    ['not-recording', 'Predictions go on, but nothing is recorded: the disk of this device is full.'],
    [
      'store-damaged',
      'The memory of this device was damaged. 1,200 records that the server had not received are gone; the others are saved.',
    ],
  ]);
  const well = { engineAlive: true, bareSlots: [], failing: null, goneRecords: null };
  expect(servingAlarms(well)).toEqual([]);
});

it('writes spans as exactly as a person needs them', () => {
  expect([9000, 119_000, 121_000, 3 * HOUR_MS, 3 * DAY_MS].map(spanWords)).toEqual([
    '9 s',
    '119 s',
    '2 min',
    '3 hours',
    '3 days',
  ]);
});
