/** Notices when the wall clock is set: it then moves by something else than the time that has passed. */
import type { Clock } from './clock.ts';

export interface ClockJump {
  /** What the wall clock would show, and what it shows; ms since the Unix epoch. */
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** A time server corrects by less, or so slowly that no look sees it. */
const LEAST_MS = 2000;
const LOOK_EVERY_MS = 1000;
/** So many are remembered. */
const MOST = 32;

export class ClockJumps {
  readonly #clock: Clock;
  readonly #onJump: (jump: ClockJump) => void;
  readonly #jumps: ClockJump[] = [];
  #last: { readonly wallMs: number; readonly monotonicUs: number };
  #timer: NodeJS.Timeout | undefined;

  /** @param onJump called for each; for a machine that slept, too, where the monotonic clock sleeps with it */
  constructor(clock: Clock, onJump: (jump: ClockJump) => void) {
    this.#clock = clock;
    this.#onJump = onJump;
    this.#last = { wallMs: clock.wallMs(), monotonicUs: clock.monotonicUs() };
  }

  start(): void {
    this.#timer = setInterval(() => this.recent(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks now, so that whoever judges by the wall clock knows of a jump before it does. @returns the oldest first */
  recent(): readonly ClockJump[] {
    const monotonicUs = this.#clock.monotonicUs();
    const wallMs = this.#clock.wallMs();
    // A process may stand still between the two readings: that time is no jump.
    const readMs = (this.#clock.monotonicUs() - monotonicUs) / 1000;
    const beforeMs = Math.round(this.#last.wallMs + (monotonicUs - this.#last.monotonicUs) / 1000);
    this.#last = { wallMs, monotonicUs };
    if (Math.abs(wallMs - beforeMs) <= LEAST_MS + readMs) return this.#jumps;
    const jump = { beforeMs, afterMs: wallMs };
    this.#jumps.push(jump);
    if (this.#jumps.length > MOST) this.#jumps.shift();
    this.#onJump(jump);
    return this.#jumps;
  }
}
