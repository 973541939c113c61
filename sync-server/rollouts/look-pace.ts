/** How long the conductor waits from one look to the next. Pure. */

/** Looks may take at most one part in this many of the server's time: evidence grows, and devices wait meanwhile. */
const TIME_SHARE = 10;
/** A look that the machine held up (a busy processor, a slow disk) says nothing of what looks cost; the shortest of so many does. */
const LOOKS = 3;

export class LookPace {
  readonly #everyMs: number;
  #tookMs: number[] = [];

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** @param tookMs the look that has just ended @returns ms until the next one begins */
  waitAfter(tookMs: number): number {
    this.#tookMs = [...this.#tookMs, tookMs].slice(-LOOKS);
    return Math.max(this.#everyMs, (TIME_SHARE - 1) * Math.min(...this.#tookMs));
  }
}
