/** How many a second, over the last minute. */
import type { Clock } from '../clock.ts';

const SECONDS = 60;
/** The rate now is that of the last whole seconds; one alone would jump about. */
const NOW_SECONDS = 5;

export class RateMeter {
  readonly #clock: Clock;
  readonly #counts = new Float64Array(SECONDS + 1);
  #second: number;
  readonly #startSecond: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#second = this.#now();
    this.#startSecond = this.#second;
  }

  add(amount = 1): void {
    this.#advance();
    const at = this.#second % this.#counts.length;
    this.#counts[at] = (this.#counts[at] as number) + amount;
  }

  /** A second of the last whole minute each, oldest first. */
  history(): number[] {
    this.#advance();
    return Array.from({ length: SECONDS }, (_, i) => {
      const second = this.#second - SECONDS + i;
      return this.#counts[(second + this.#counts.length) % this.#counts.length] as number;
    });
  }

  /** Mean of the last whole seconds; of those since the start when it is younger. */
  perSecond(): number {
    const history = this.history();
    const known = Math.min(NOW_SECONDS, Math.max(1, this.#second - this.#startSecond));
    return history.slice(-known).reduce((sum, count) => sum + count, 0) / known;
  }

  #advance(): void {
    const now = this.#now();
    const passed = Math.min(now - this.#second, this.#counts.length);
    for (let i = 0; i < passed; i++) this.#counts[(now - i) % this.#counts.length] = 0;
    this.#second = Math.max(this.#second, now);
  }

  /** Whole seconds of the monotonic clock, counted from far enough that no index is negative. */
  #now(): number {
    return Math.floor(this.#clock.monotonicUs() / 1_000_000) + 2 * SECONDS;
  }
}
