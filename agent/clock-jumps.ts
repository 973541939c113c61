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

/** Both clocks, as near to each other as they can be read. */
interface Reading {
  readonly monotonicUs: number;
  readonly wallMs: number;
  /** A process may stand still between the two: by so much they may belong to different moments. */
  readonly heldUpMs: number;
}

function read(clock: Clock): Reading {
  const monotonicUs = clock.monotonicUs();
  const wallMs = clock.wallMs();
  return { monotonicUs, wallMs, heldUpMs: (clock.monotonicUs() - monotonicUs) / 1000 };
}

export class ClockJumps {
  readonly #clock: Clock;
  readonly #onJump: (jump: ClockJump) => void;
  readonly #jumps: ClockJump[] = [];
  #last: Reading;
  #timer: NodeJS.Timeout | undefined;

  /** @param onJump called for each; for a machine that slept, too, where the monotonic clock sleeps with it */
  constructor(clock: Clock, onJump: (jump: ClockJump) => void) {
    this.#clock = clock;
    this.#onJump = onJump;
    this.#last = read(clock);
  }

  start(): void {
    this.#timer = setInterval(() => this.recent(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks now, so that whoever judges by the wall clock knows of a jump before it does. @returns the oldest first */
  recent(): readonly ClockJump[] {
    const last = this.#last;
    const now = read(this.#clock);
    this.#last = now;
    const beforeMs = Math.round(last.wallMs + (now.monotonicUs - last.monotonicUs) / 1000);
    if (Math.abs(now.wallMs - beforeMs) <= LEAST_MS + last.heldUpMs + now.heldUpMs) return this.#jumps;
    const jump = { beforeMs, afterMs: now.wallMs };
    this.#jumps.push(jump);
    if (this.#jumps.length > MOST) this.#jumps.shift();
    this.#onJump(jump);
    return this.#jumps;
  }
}
