/** Maintenance windows: weekly, by the clock on the wall, in the plant's time zone. Pure. */
import { z } from 'zod';

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day, for example "22:00"');

export const weeklyWindowSchema = z.strictObject({
  /** On which a window opens; it may end on the day after. */
  days: z.array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])).min(1),
  from: timeOfDay,
  /** Before `from`: it ends on the day after. The same: it is open for 24 hours. */
  to: timeOfDay,
});
export type WeeklyWindow = z.infer<typeof weeklyWindowSchema>;

/** IANA name, for example `Europe/Berlin`. */
export const timeZoneSchema = z
  .string()
  .refine(isTimeZone, 'a time zone that this machine knows, for example "Europe/Berlin"');

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
/** A weekly window that falls into the hour which summer time takes away opens a week later. */
const LOOK_AHEAD_MINUTES = 15 * DAY_MINUTES;
const MAX_STRIDE_MINUTES = 15;

/** A clock on the wall: which day and minute it shows at a moment. What summer time does to it, Intl knows. */
export class WallClock {
  readonly #timeZone: string | undefined;
  /** Made when it is asked for the first time: that takes milliseconds and megabytes, and most slots have no windows. */
  #format: Intl.DateTimeFormat | undefined;

  /** @param timeZone IANA name; absent: the machine's own */
  constructor(timeZone?: string) {
    this.#timeZone = timeZone;
  }

  /** @param atMs milliseconds since 1970 @returns day 0 (Sunday) to 6, minute 0 to 1439 */
  at(atMs: number): { day: number; minute: number } {
    const { weekday, hour, minute } = this.#shows(atMs);
    return {
      day: (DAYS as readonly string[]).indexOf(weekday.toLowerCase()),
      minute: Number(hour) * 60 + Number(minute),
    };
  }

  /** `Mon 22:00` */
  words(atMs: number): string {
    const { weekday, hour, minute } = this.#shows(atMs);
    return `${weekday} ${hour}:${minute}`;
  }

  #shows(atMs: number): { weekday: string; hour: string; minute: string } {
    this.#format ??= new Intl.DateTimeFormat('en-GB', {
      ...(this.#timeZone === undefined ? {} : { timeZone: this.#timeZone }),
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    const parts = this.#format.formatToParts(atMs);
    const part = (name: string) => parts.find(({ type }) => type === name)?.value ?? '';
    return { weekday: part('weekday'), hour: part('hour'), minute: part('minute') };
  }
}

/** Whether some window is open. No windows at all: always. */
export function isOpen(windows: readonly WeeklyWindow[], clock: WallClock, atMs: number): boolean {
  if (windows.length === 0) return true;
  const now = clock.at(atMs);
  return windows.some((window) => covers(window, now));
}

/** @returns the first minute from `fromMs` on in which a window is open; null when none ever is */
export function nextOpening(
  windows: readonly WeeklyWindow[],
  clock: WallClock,
  fromMs: number,
): number | null {
  if (isOpen(windows, clock, fromMs)) return fromMs;
  // Strides that jump over no window, then back to its first minute.
  const stride = Math.min(MAX_STRIDE_MINUTES, ...windows.map(lengthMinutes));
  const first = Math.ceil(fromMs / MINUTE_MS);
  for (let minute = first; minute < first + LOOK_AHEAD_MINUTES; minute += stride) {
    if (!isOpen(windows, clock, minute * MINUTE_MS)) continue;
    let opening = minute;
    while (opening > first && isOpen(windows, clock, (opening - 1) * MINUTE_MS)) opening -= 1;
    return opening * MINUTE_MS;
  }
  return null;
}

function covers({ days, from, to }: WeeklyWindow, { day, minute }: { day: number; minute: number }): boolean {
  const [start, end] = [minuteOf(from), minuteOf(to)];
  const isOn = (weekday: number) => days.includes(DAYS[weekday % 7] as (typeof DAYS)[number]);
  if (start < end) return isOn(day) && minute >= start && minute < end;
  // Over midnight: the evening of a named day, or the morning after one. Equal ends: a whole day.
  return (isOn(day) && minute >= start) || (isOn(day + 6) && minute < end);
}

function lengthMinutes({ from, to }: WeeklyWindow): number {
  const length = minuteOf(to) - minuteOf(from);
  return length > 0 ? length : length + DAY_MINUTES;
}

function minuteOf(time: string): number {
  const [hour = '0', minute = '0'] = time.split(':');
  return Number(hour) * 60 + Number(minute);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
