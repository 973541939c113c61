/**
 * What one kind of traffic may cost on a metered or thin link: bytes a day, kept over restarts, and bytes a second. A day is
 * 24 hours from the first byte. A clock that is set back costs at most another day of waiting, one that jumps ahead gives a
 * day early.
 */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { StateTable } from '../store/store.ts';

/** Under which name the store keeps what was spent today. */
const KEYS = { updates: 'sync/byte-budget', records: 'sync/record-budget' } as const;
const DAY_MS = 86_400_000;
/** What a crash may forget of a day's budget: writing it down costs a sync of the disk. */
const UNSAVED_SHARE = 0.001;

const keptSchema = z.object({ startedMs: z.number(), spentBytes: z.number() });
type Kept = z.infer<typeof keptSchema>;

export interface ByteLimits {
  /** null: no limit. */
  readonly maxBytesPerDay: number | null;
  readonly maxBytesPerS: number | null;
}

export interface ByteBudgetDeps {
  readonly of: keyof typeof KEYS;
  readonly limits: ByteLimits;
  readonly states: StateTable;
  readonly clock: Clock;
}

export class ByteBudget {
  readonly #deps: ByteBudgetDeps;
  readonly #key: string;
  #day: Kept;
  #unsavedBytes = 0;
  /** Monotonic: when what came so far is paid for at `maxBytesPerS`. */
  #paidAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: ByteBudgetDeps) {
    this.#deps = deps;
    this.#key = KEYS[deps.of];
    const kept = keptSchema.safeParse(deps.states.get(this.#key));
    this.#day = kept.success ? kept.data : { startedMs: deps.clock.wallMs(), spentBytes: 0 };
  }

  /** ms until the next byte may be asked for; 0: now. */
  waitMs(): number {
    return Math.max(this.#untilTomorrowMs(), this.#paidAtMs - this.#nowMs(), 0);
  }

  /** Why it waits, for people; null while it does not wait for the day to end. */
  get reason(): string | null {
    const waitMs = this.#untilTomorrowMs();
    if (waitMs === 0) return null;
    const hours = Math.ceil(waitMs / 3_600_000);
    return `today's byte budget for ${this.#deps.of} is spent; goes on in ${hours === 1 ? 'an hour' : `${hours} hours`} at most`;
  }

  /** Bytes came in, or went out. */
  spend(bytes: number): void {
    const { limits } = this.#deps;
    if (limits.maxBytesPerS !== null) {
      const from = Math.max(this.#paidAtMs, this.#nowMs());
      this.#paidAtMs = from + (bytes / limits.maxBytesPerS) * 1000;
    }
    if (limits.maxBytesPerDay === null) return;
    this.#turnDay();
    this.#day = { ...this.#day, spentBytes: this.#day.spentBytes + bytes };
    this.#unsavedBytes += bytes;
    const much = this.#unsavedBytes >= limits.maxBytesPerDay * UNSAVED_SHARE;
    if (much || this.#day.spentBytes >= limits.maxBytesPerDay) this.#save();
  }

  #untilTomorrowMs(): number {
    const { maxBytesPerDay } = this.#deps.limits;
    if (maxBytesPerDay === null) return 0;
    this.#turnDay();
    if (this.#day.spentBytes < maxBytesPerDay) return 0;
    return this.#day.startedMs + DAY_MS - this.#deps.clock.wallMs();
  }

  #turnDay(): void {
    const wallMs = this.#deps.clock.wallMs();
    const { startedMs } = this.#day;
    if (wallMs - startedMs >= DAY_MS) {
      this.#day = { startedMs: wallMs, spentBytes: 0 };
    } else if (wallMs < startedMs) {
      this.#day = { ...this.#day, startedMs: wallMs };
      // Or each restart would begin the wait anew.
      this.#save();
    }
  }

  #save(): void {
    this.#deps.states.set(this.#key, this.#day);
    this.#unsavedBytes = 0;
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicUs() / 1000;
  }
}
