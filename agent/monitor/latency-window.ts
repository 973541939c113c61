/** Quantiles of the last few thousand latencies. */

const KEPT = 4096;

export interface LatencyQuantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export class LatencyWindow {
  readonly #values = new Float64Array(KEPT);
  #added = 0;

  add(us: number): void {
    this.#values[this.#added % KEPT] = us;
    this.#added += 1;
  }

  /** Nearest-rank quantiles, microseconds; null before the first. */
  quantiles(): LatencyQuantiles | null {
    const count = Math.min(this.#added, KEPT);
    if (count === 0) return null;
    const sorted = this.#values.slice(0, count).sort();
    const at = (q: number) => sorted[Math.max(0, Math.ceil(q * count) - 1)] as number;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
