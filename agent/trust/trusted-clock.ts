/**
 * The time by which signed metadata expire. It only moves forward: over restarts, against a wall clock that is set back or
 * lies, and on a device whose clock has no battery.
 *
 * The rule: there is a floor, the latest time known for certain. Signed messages raise it, and so does this process's own
 * running time. A wall clock is believed while it stands above the floor and less than five years ahead; it raises the
 * floor after it has run evenly for an hour. Otherwise the floor itself is the time.
 */
import type { Clock } from '../clock.ts';

/** No honest clock shows an earlier time: this release is from then. */
const RELEASED_MS = Date.UTC(2026, 10, 1);
const BELIEVED_AHEAD_MS = 5 * 365 * 86_400_000;
const EVEN_FOR_MS = 3_600_000;
/** A slew by NTP stays far below, a step does not. */
const JUMP_MS = 5000;

export class TrustedClock {
  readonly #clock: Clock;
  #floorMs: number;
  /** Monotonic, when the floor was last raised. */
  #floorAtMs: number;
  #last: { wallMs: number; atMs: number };
  #evenSinceMs: number;

  /** @param floorMs as it was kept; undefined on a new device */
  constructor(clock: Clock, floorMs = RELEASED_MS) {
    this.#clock = clock;
    this.#floorMs = Math.max(floorMs, RELEASED_MS);
    this.#floorAtMs = this.#monotonicMs();
    this.#last = { wallMs: clock.wallMs(), atMs: this.#floorAtMs };
    this.#evenSinceMs = this.#floorAtMs;
  }

  /** The latest time known for certain, ms since the Unix epoch. */
  get floorMs(): number {
    return Math.floor(this.#floorMs + this.#monotonicMs() - this.#floorAtMs);
  }

  /** ms since the Unix epoch. */
  nowMs(): number {
    this.#look();
    const floorMs = this.floorMs;
    const wallMs = this.#clock.wallMs();
    return this.#isBelievable(wallMs, floorMs) ? wallMs : floorMs;
  }

  /** A time that stood in a verified message. */
  signed(timeMs: number): void {
    if (timeMs > this.floorMs) this.#raise(timeMs);
  }

  /** A person with the offline keys spoke: what a wrong clock did to the floor ends here. @param timeMs signed */
  begin(timeMs: number): void {
    this.#raise(Math.max(timeMs, RELEASED_MS));
  }

  /** Call now and then, so that an even hour is seen. */
  #look(): void {
    const atMs = this.#monotonicMs();
    const wallMs = this.#clock.wallMs();
    const jumpMs = wallMs - this.#last.wallMs - (atMs - this.#last.atMs);
    this.#last = { wallMs, atMs };
    if (Math.abs(jumpMs) > JUMP_MS) this.#evenSinceMs = atMs;
    const isEven = atMs - this.#evenSinceMs >= EVEN_FOR_MS;
    if (isEven && this.#isBelievable(wallMs, this.floorMs)) this.#raise(wallMs);
  }

  #isBelievable(wallMs: number, floorMs: number): boolean {
    return wallMs > floorMs && wallMs - floorMs < BELIEVED_AHEAD_MS;
  }

  #raise(timeMs: number): void {
    this.#floorMs = timeMs;
    this.#floorAtMs = this.#monotonicMs();
  }

  #monotonicMs(): number {
    return this.#clock.monotonicUs() / 1000;
  }
}
