/** The durations of late, for their median. */
const KEPT = 256;

export class RecentTimes {
  readonly #ring = new Float64Array(KEPT);
  #count = 0;

  add(value: number): void {
    this.#ring[this.#count % KEPT] = value;
    this.#count += 1;
  }

  /** NaN when there are none. */
  median(): number {
    const sorted = this.#ring.slice(0, Math.min(KEPT, this.#count)).sort();
    return sorted[sorted.length >> 1] ?? Number.NaN;
  }
}
