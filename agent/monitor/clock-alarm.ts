/**
 * When the wall clock of this device is off, in words that say what to do. Pure. The server's clock is the better witness;
 * without it, only a time that cannot be is called wrong.
 */
import type { AlarmCause } from './alarm-cause.ts';
import { spanWords } from './span-words.ts';

/** Of difference to the server. */
const OFF_MS = { begins: 60_000, ends: 30_000 };
/** A device may have been off for years, but not for this long. */
const FAR_AHEAD_MS = 5 * 365 * 86_400_000;

export interface ClockFacts {
  /** All in ms since the Unix epoch. */
  readonly wallMs: number;
  /** What the server's clock shows now; null when it has not told lately. */
  readonly serverMs: number | null;
  /** The latest time known for certain, over restarts: this release's date at least. */
  readonly floorMs: number;
}

/** @param before whether it was off at the last look: that ends later than it begins, so that nothing flaps */
export function clockAlarm(facts: ClockFacts, before: boolean): AlarmCause | null {
  const text = wrong(facts, before ? OFF_MS.ends : OFF_MS.begins);
  if (text === null) return null;
  return {
    code: 'clock-off',
    slot: null,
    severity: 'warning',
    text,
    next: 'Predictions go on and keep their order, but carry wrong times. Set the clock, and give the device a time server (NTP).',
  };
}

function wrong({ wallMs, serverMs, floorMs }: ClockFacts, limitMs: number): string | null {
  if (serverMs !== null) {
    const aheadMs = wallMs - serverMs;
    if (Math.abs(aheadMs) <= limitMs) return null;
    const side = aheadMs > 0 ? 'ahead of' : 'behind';
    return `The clock of this device is ${spanWords(Math.abs(aheadMs))} ${side} the server’s.`;
  }
  if (wallMs < floorMs - limitMs) {
    return `The clock of this device shows ${day(wallMs)}, but it has been ${day(floorMs)} already.`;
  }
  if (wallMs - floorMs > FAR_AHEAD_MS) {
    return `The clock of this device shows ${day(wallMs)}, more than five years after the last time known for certain.`;
  }
  return null;
}

/** To the minute, UTC: what is off by hours on one day must show. */
function day(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime())
    ? `${ms} ms`
    : date.toISOString().replace(/^(.*)T(\d\d:\d\d).*$/, '$1 $2');
}
