/** Durations counted into fixed buckets: constant memory, never forgets, cheap enough for every sample. */

/** Upper bounds, microseconds: from a tiny model alone to a line that waits. */
export const BOUNDS_US: readonly number[] = [
  50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
  2_500_000, 10_000_000,
];

export interface HistogramView {
  /** Observations in each bucket of `BOUNDS_US`, and last those above all of them. Not cumulative. */
  readonly buckets: readonly number[];
  readonly sumUs: number;
  readonly count: number;
}

export class Histogram {
  readonly #buckets = new Float64Array(BOUNDS_US.length + 1);
  #sumUs = 0;
  #count = 0;

  /** @param times how many had this duration; a duration below zero (a clock that went back) counts as zero */
  observe(us: number, times = 1): void {
    const value = Math.max(0, us);
    let bucket = 0;
    while (bucket < BOUNDS_US.length && value > (BOUNDS_US[bucket] as number)) bucket += 1;
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + times;
    this.#sumUs += value * times;
    this.#count += times;
  }

  view(): HistogramView {
    return { buckets: [...this.#buckets], sumUs: this.#sumUs, count: this.#count };
  }
}
