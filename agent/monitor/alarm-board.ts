/**
 * The alarms that are raised on this device. Once a second it asks what is wrong: what lasts is raised, what stays away is
 * cleared, and each change is told once. What was raised is known again after a restart, so that nobody waits for its end in vain.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Alarm, alarmSchema, MAX_ALARMS } from '../../protocol/alarms.ts';
import type { Clock } from '../clock.ts';
import type { NewEvent } from '../store/records.ts';
import type { StateTable } from '../store/store.ts';
import type { AlarmCause, AlarmCode } from './alarm-cause.ts';

const CHECK_EVERY_MS = 1000;
/** What mends itself sooner is not worth a lamp. */
const RAISE_AFTER_MS: Partial<Record<AlarmCode, number>> = { 'engine-down': 3000, 'no-model': 3000 };
/** What comes and goes stays raised. */
const CLEAR_AFTER_MS = 3000;
/** After a start the monitors need a while to find again what they had found before. */
const FIND_AGAIN_MS = 60_000;
/** Changes that wait for a store that takes nothing. Of an alarm that comes and goes for months the newest are enough. */
const MOST_UNTOLD = 1000;
const KEY = 'alarms/raised';
/** Of two alarms, what the device does not do stands above what may be the reason. */
const NOT_DONE = new Set(['no-samples', 'no-predictions', 'no-model', 'engine-down', 'not-recording']);

const keptSchema = z
  .array(z.object({ id: z.string().max(64), alarm: alarmSchema, timeMs: z.int() }))
  .max(MAX_ALARMS);

export interface AlarmChange {
  /** Never the same for two changes: whoever gets one twice knows it by this. */
  readonly id: string;
  /** `raised` comes again, with the same `alarm.id`, when the severity changes. */
  readonly state: 'raised' | 'cleared';
  readonly alarm: Alarm;
  readonly timeMs: number;
}

export interface AlarmBoardDeps {
  readonly causes: () => readonly AlarmCause[];
  readonly states: Pick<StateTable, 'get' | 'set'>;
  readonly tell: (event: NewEvent) => void;
  /** Whether the store takes anything now: what it would refuse waits here. */
  readonly recording: () => boolean;
  /** What was raised could not be kept for the next start. */
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
}

interface Raised {
  /** The one by which it was raised last, with its newest words. */
  change: AlarmChange;
  /** Monotonic, ms; undefined while its cause is there. */
  absentSinceMs: number | undefined;
  clearAfterMs: number;
}

export class AlarmBoard {
  readonly #deps: AlarmBoardDeps;
  readonly #listeners = new Set<(change: AlarmChange) => void>();
  readonly #raised = new Map<string, Raised>();
  /** Causes that have yet to last: since when, on the monotonic clock, ms. */
  readonly #pending = new Map<string, number>();
  /** Changes that the store has yet to hear of. */
  #untold: AlarmChange[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: AlarmBoardDeps) {
    this.#deps = deps;
    const nowMs = this.#nowMs();
    for (const kept of keptSchema.safeParse(deps.states.get(KEY)).data ?? []) {
      const change: AlarmChange = { ...kept, state: 'raised' };
      const times = { absentSinceMs: nowMs, clearAfterMs: FIND_AGAIN_MS };
      this.#raised.set(keyOf(kept.alarm), { change, ...times });
    }
  }

  start(): void {
    this.#timer = setInterval(() => this.check(), CHECK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The worst first, of these what the device does not do, then the oldest. */
  raised(): Alarm[] {
    return this.raisedBy().map(({ alarm }) => alarm);
  }

  /** As `raised`, with the changes that were told of them. */
  raisedBy(): AlarmChange[] {
    return [...this.#raised.values()]
      .map(({ change }) => change)
      .sort(({ alarm: a }, { alarm: b }) => {
        const byWork = Number(NOT_DONE.has(b.code)) - Number(NOT_DONE.has(a.code));
        return a.severity.localeCompare(b.severity) || byWork || a.sinceMs - b.sinceMs;
      })
      .slice(0, MAX_ALARMS);
  }

  /** Told of each change; register before `start`. */
  onChange(listener: (change: AlarmChange) => void): void {
    this.#listeners.add(listener);
  }

  check(): void {
    const nowMs = this.#nowMs();
    const causes = new Map(this.#deps.causes().map((cause) => [keyOf(cause), cause]));
    const changes: AlarmChange[] = [];
    for (const [key, cause] of causes) {
      const known = this.#raised.get(key);
      if (known) changes.push(...this.#goesOn(known, cause));
      else if (this.#lasts(key, cause, nowMs)) changes.push(this.#raise(key, cause));
    }
    for (const key of this.#pending.keys()) if (!causes.has(key)) this.#pending.delete(key);
    for (const [key, known] of this.#raised) {
      if (!causes.has(key)) changes.push(...this.#isAway(key, known, nowMs));
    }
    this.#untold.push(...changes);
    // The store refuses these, and counts them as it counts whatever it refuses.
    for (const change of this.#untold.splice(0, this.#untold.length - MOST_UNTOLD))
      this.#deps.tell(eventOf(change));
    if (this.#untold.length > 0 && this.#deps.recording()) this.#record();
    for (const change of changes) for (const listener of this.#listeners) listener(change);
  }

  #lasts(key: string, cause: AlarmCause, nowMs: number): boolean {
    const sinceMs = this.#pending.get(key) ?? nowMs;
    this.#pending.set(key, sinceMs);
    return nowMs - sinceMs >= (RAISE_AFTER_MS[cause.code] ?? 0);
  }

  #raise(key: string, cause: AlarmCause): AlarmChange {
    this.#pending.delete(key);
    const alarm: Alarm = { id: randomUUID(), ...cause, sinceMs: this.#deps.clock.wallMs() };
    const change = this.#change('raised', alarm);
    this.#raised.set(key, { change, absentSinceMs: undefined, clearAfterMs: CLEAR_AFTER_MS });
    return change;
  }

  /** Its words may change from look to look; only another severity is news. */
  #goesOn(known: Raised, cause: AlarmCause): AlarmChange[] {
    const { id, sinceMs, severity } = known.change.alarm;
    const alarm = { id, ...cause, sinceMs };
    const isNews = severity !== cause.severity;
    known.change = isNews ? this.#change('raised', alarm) : { ...known.change, alarm };
    known.absentSinceMs = undefined;
    known.clearAfterMs = CLEAR_AFTER_MS;
    return isNews ? [known.change] : [];
  }

  #isAway(key: string, known: Raised, nowMs: number): AlarmChange[] {
    known.absentSinceMs ??= nowMs;
    if (nowMs - known.absentSinceMs < known.clearAfterMs) return [];
    this.#raised.delete(key);
    return [this.#change('cleared', known.change.alarm)];
  }

  #change(state: AlarmChange['state'], alarm: Alarm): AlarmChange {
    return { id: randomUUID(), state, alarm, timeMs: this.#deps.clock.wallMs() };
  }

  #record(): void {
    const { states, tell, onError } = this.#deps;
    for (const change of this.#untold.splice(0)) tell(eventOf(change));
    try {
      states.set(
        KEY,
        this.raisedBy().map(({ id, alarm, timeMs }) => ({ id, alarm, timeMs })),
      );
    } catch (error) {
      onError(error);
    }
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicUs() / 1000;
  }
}

/** Its end has the kind of its beginning, so that whoever reads events can tell what is over. */
function eventOf({ state, alarm, timeMs }: AlarmChange): NewEvent {
  const { id, code, slot, severity, text, next } = alarm;
  return {
    timeMs,
    kind: code,
    severity: state === 'raised' ? severity : 'info',
    slot,
    message: state === 'raised' ? `${text} ${next}` : `It is over: ${text}`,
    data: { alarm: id, state },
  };
}

function keyOf({ code, slot }: Pick<Alarm, 'code' | 'slot'>): string {
  return slot === null ? code : `${code}/${slot}`;
}
