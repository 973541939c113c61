/** Whether a cache pays: the engine time that its hits saved against the time that hashing took. Pure but for its memory. */

/** Looked at over so many rows each. */
const WINDOW_ROWS = 4096;

export class CacheWorth {
  #rows = 0;
  #hashUs = 0;
  #hits = 0;
  #computedRows = 0;
  #computeUs = 0;
  #verdict: { readonly hurts: boolean; readonly hitRate: number } | null = null;

  /** @param computeUs engine time of the rows that were not hits */
  add(batch: { rows: number; hits: number; hashUs: number; computeUs: number }): void {
    this.#rows += batch.rows;
    this.#hits += batch.hits;
    this.#hashUs += batch.hashUs;
    this.#computedRows += batch.rows - batch.hits;
    this.#computeUs += batch.computeUs;
    if (this.#rows < WINDOW_ROWS) return;
    // With hits alone nothing is known of what they saved: then it cannot hurt by this measure.
    const rowUs = this.#computedRows > 0 ? this.#computeUs / this.#computedRows : Number.POSITIVE_INFINITY;
    const savedUs = this.#hits === 0 ? 0 : this.#hits * rowUs;
    this.#verdict = { hurts: savedUs < this.#hashUs, hitRate: this.#hits / this.#rows };
    this.#rows = this.#hits = this.#hashUs = this.#computedRows = this.#computeUs = 0;
  }

  /** Of the last full window; null before the first. */
  get verdict(): { readonly hurts: boolean; readonly hitRate: number } | null {
    return this.#verdict;
  }
}
