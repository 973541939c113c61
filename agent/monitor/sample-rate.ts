/** Whether samples come as often as they used to: a source that was set to another rate makes no other noise. */

/** Samples that are timed together. */
const BLOCK = 100;
/** A gap so many times the usual one, and at least this long, is a break and not a rate. */
const BREAK_TIMES = 10;
const BREAK_MIN_MS = 5000;
/** So many breaks one after the other are a slow rate. */
const BREAKS_IN_A_ROW = 3;
/** The rate changed when it is so many times the usual one, or so many times less, in blocks in a row. */
const FACTOR = 2;
const IN_A_ROW = 3;
/** Blocks that the usual rate looks back on. */
const MEMORY = 20;
/** Faster sources come in bursts, whose rate is that of their carrier. */
const FASTEST_MS = 10;

export interface RateChange {
  readonly nowPerS: number;
  readonly usualPerS: number;
}

export class SampleRate {
  #lastMs: number | null = null;
  #blockMs = 0;
  #gaps = 0;
  #usualMs: number | null = null;
  #gapMs: number | null = null;
  #off = 0;
  #breaks = 0;

  /** @param timeMs when the sample was observed @returns the change, when it is established with this sample */
  add(timeMs: number): RateChange | null {
    const gapMs = timeMs - (this.#lastMs ?? timeMs);
    const isFirst = this.#lastMs === null;
    this.#lastMs = timeMs;
    const longest = Math.max(BREAK_MIN_MS, BREAK_TIMES * (this.#gapMs ?? 0));
    if (isFirst || gapMs < 0) return null;
    this.#breaks = gapMs > longest ? this.#breaks + 1 : 0;
    if (this.#breaks > 0 && this.#breaks < BREAKS_IN_A_ROW) return null;
    this.#blockMs += gapMs;
    this.#gaps += 1;
    return this.#gaps < BLOCK ? null : this.#closeBlock();
  }

  /** Of the last block; null before it. */
  get nowPerS(): number | null {
    return this.#gapMs === null ? null : perSecond(this.#gapMs);
  }

  get usualPerS(): number | null {
    return this.#usualMs === null ? null : perSecond(this.#usualMs);
  }

  #closeBlock(): RateChange | null {
    const gapMs = this.#blockMs / this.#gaps;
    this.#blockMs = 0;
    this.#gaps = 0;
    this.#gapMs = gapMs;
    const usualMs = this.#usualMs ?? gapMs;
    const ratio = Math.max(gapMs, FASTEST_MS) / Math.max(usualMs, FASTEST_MS);
    this.#off = ratio > FACTOR || ratio < 1 / FACTOR ? this.#off + 1 : 0;
    if (this.#off < IN_A_ROW) {
      // While it is off, the usual rate waits for what comes of it.
      if (this.#off === 0) this.#usualMs = usualMs + (gapMs - usualMs) / MEMORY;
      return null;
    }
    this.#off = 0;
    this.#usualMs = gapMs;
    return { nowPerS: perSecond(gapMs), usualPerS: perSecond(usualMs) };
  }
}

function perSecond(gapMs: number): number {
  return gapMs > 0 ? 1000 / gapMs : Number.POSITIVE_INFINITY;
}
