/** The usual time between two things that happen again and again. */

/** Gaps that the mean looks back on. */
const MEMORY = 100;

export class UsualGap {
  #lastMs: number | null = null;
  #usualMs = 0;
  #gaps = 0;

  /** @param nowMs any clock; a step back is no gap */
  add(nowMs: number): void {
    const gapMs = this.#lastMs === null ? -1 : nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (gapMs < 0) return;
    this.#gaps += 1;
    this.#usualMs += (gapMs - this.#usualMs) / Math.min(this.#gaps, MEMORY);
  }

  /** null before the first. */
  get lastMs(): number | null {
    return this.#lastMs;
  }

  /** Exponential mean; 0 before two have happened. */
  get usualMs(): number {
    return this.#usualMs;
  }

  get gaps(): number {
    return this.#gaps;
  }
}
