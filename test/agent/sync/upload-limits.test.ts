/** What sending records may cost: a day, a second, a slot; what is live always goes. */
import { beforeEach, describe, expect, it } from 'vitest';
import { UploadLimits } from '../../../agent/sync/upload-limits.ts';
import type { Prediction } from '../../../protocol/records.ts';
import { prediction } from './device.ts';
import { MemoryStates } from './memory-store.ts';
import { TwoClocks } from './two-clocks.ts';

const DAY_MS = 86_400_000;

let clock: TwoClocks;
let states: MemoryStates;
beforeEach(() => {
  clock = new TwoClocks();
  states = new MemoryStates();
});

interface Caps {
  readonly perDay?: number;
  readonly perS?: number;
  readonly slots?: Record<string, number | null>;
}

function limitsOf({ perDay, perS, slots = {} }: Caps): UploadLimits {
  return new UploadLimits({
    telemetry: { maxBytesPerDay: perDay ?? null, maxBytesPerS: perS ?? null },
    slots: Object.fromEntries(
      Object.entries(slots).map(([slot, maxBytesPerS]) => [slot, { upload: { maxBytesPerS } }]),
    ),
    states,
    clock,
  });
}

function predictions(count: number, over: Partial<Prediction> = {}): Prediction[] {
  return Array.from({ length: count }, (_, i) => ({
    ...prediction(i, { features: null, ...over }),
    seq: i + 1,
  }));
}

describe('records on a metered link', () => {
  it('go as they come where nothing is configured', () => {
    const limits = limitsOf({ slots: { inspect: null } });
    limits.spend('predictions', 10 ** 9, predictions(10));
    expect(limits.waitMs('predictions')).toBe(0);
    expect(limits.maxRecords('predictions')).toBe(Number.POSITIVE_INFINITY);
    expect(limits.free('predictions', predictions(10))).toEqual({ count: 10, waitMs: 0 });
    expect(limits.reason).toBeNull();
  });

  it('wait for tomorrow when the day is spent, but events go on', () => {
    const limits = limitsOf({ perDay: 1000 });
    limits.spend('events', 400, []);
    limits.spend('predictions', 700, predictions(70));
    expect(limits.waitMs('predictions')).toBe(DAY_MS);
    expect(limits.waitMs('feedback')).toBe(DAY_MS);
    expect(limits.waitMs('metrics')).toBe(DAY_MS);
    expect(limits.waitMs('events')).toBe(0);
    expect(limits.reason).toMatch(/byte budget for records is spent; goes on in 24 hours at most/);
    clock.nowMs += DAY_MS;
    expect(limits.waitMs('predictions')).toBe(0);
  });

  it('are not free again because the agent started again, nor do they eat the budget for updates', () => {
    limitsOf({ perDay: 1000 }).spend('predictions', 1000, predictions(1));
    expect(limitsOf({ perDay: 1000 }).waitMs('predictions')).toBe(DAY_MS);
    expect(states.keys('')).toEqual(['sync/record-budget']);
  });

  it('write the day down once a thousandth of it, since each writing costs a sync of the disk', () => {
    const limits = limitsOf({ perDay: 1_000_000 });
    limits.spend('predictions', 999, predictions(1));
    expect(states.keys('')).toEqual([]);
    limits.spend('predictions', 1, predictions(1));
    expect(states.get('sync/record-budget')).toMatchObject({ spentBytes: 1000 });
  });

  it('go in batches of about a second, so that an event never waits long behind one', () => {
    const limits = limitsOf({ perS: 6000 });
    limits.spend('predictions', 600, predictions(100));
    expect(limits.maxRecords('predictions')).toBe(1000);
    expect(limits.waitMs('predictions')).toBe(100);
    expect(limits.maxRecords('events')).toBe(Number.POSITIVE_INFINITY);
    expect(limits.waitMs('events')).toBe(0);
    // A link so thin that the header would be most of it.
    expect(limitsOf({ perS: 1 }).maxRecords('predictions')).toBe(16);
  });
});

describe('a cap that is felt', () => {
  /** A batch of what a second lets through, then the wait for the next, for so many seconds. */
  function drain(limits: UploadLimits, slot: string, seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      limits.spend('predictions', 100, predictions(10, { slot }));
      limits.waitMs('predictions');
      limits.free('predictions', predictions(10, { slot }));
      clock.upMs += 1000;
    }
  }

  it('says which slot the others wait for, and when what waits now is through', () => {
    const limits = limitsOf({ slots: { thin: 100, free: null } });
    drain(limits, 'thin', 4);
    expect(limits.pace(1000)).toBeNull();
    drain(limits, 'thin', 46);
    expect(limits.pace(0)).toBeNull();
    expect(limits.pace(10_000)).toMatch(
      /^slot thin may send 100 bytes a second, and the predictions of other slots wait in line behind its own; what waits now is sent in about 17 min$/,
    );
    drain(limits, 'free', 8);
    expect(limits.pace(10_000)).toBeNull();
  });

  it('names the cap of the whole link', () => {
    const limits = limitsOf({ perS: 100 });
    drain(limits, 'free', 50);
    expect(limits.pace(10_000)).toMatch(
      /^records are sent at 100 bytes a second, as sync\.telemetry\.maxBytesPerS has it; .* about 17 min$/,
    );
  });

  it('says no end where nothing went yet, and leaves the word to the budget of the day', () => {
    const limits = limitsOf({ perDay: 1000, perS: 10, slots: { thin: 1 } });
    limits.spend('predictions', 500, predictions(100, { slot: 'thin' }));
    for (let second = 0; second < 20; second++) {
      limits.free('predictions', predictions(10, { slot: 'thin' }));
      clock.upMs += 1000;
    }
    expect(limits.pace(100)).toMatch(/behind its own$/);
    clock.upMs += 3_600_000;
    limits.spend('predictions', 600, predictions(1));
    limits.waitMs('predictions');
    expect(limits.pace(100)).toBeNull();
  });
});

describe('a slot with a cap of its own', () => {
  const mixed = [...predictions(2, { slot: 'free' }), ...predictions(2, { slot: 'thin' })];

  it('holds back its own predictions, and what comes after them in the order of the stream', () => {
    const limits = limitsOf({ slots: { thin: 100, free: null } });
    expect(limits.free('predictions', mixed).count).toBe(4);
    limits.spend('predictions', 1000, predictions(5, { slot: 'thin' }));
    expect(limits.free('predictions', mixed)).toEqual({ count: 2, waitMs: 10_000 });
    expect(limits.free('predictions', mixed.slice(2))).toEqual({ count: 0, waitMs: 10_000 });
    expect(limits.waitMs('predictions')).toBe(0);
    clock.upMs += 10_000;
    expect(limits.free('predictions', mixed).count).toBe(4);
  });

  it('pays for its share of a batch, by what its records weigh', () => {
    const limits = limitsOf({ slots: { thin: 100 } });
    limits.spend('predictions', 1000, mixed);
    expect(limits.free('predictions', mixed.slice(2)).waitMs).toBe(5000);
    const heavy = [
      ...predictions(1, { slot: 'free', features: [1, 2, 3] }),
      ...predictions(1, { slot: 'thin' }),
    ];
    clock.upMs += 5000;
    limits.spend('predictions', 900, heavy);
    expect(limits.free('predictions', mixed.slice(2)).waitMs).toBe(3000);
  });
});
