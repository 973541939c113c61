/** How features moved together in the last samples: sums of the grades of all pairs, for correlation-shift.ts. */
import type { PairSums } from '../../protocol/drift/correlation-shift.ts';

/** One addition and one multiplication a pair and sample; memory does not depend on the number of samples. */
export class PairWindow {
  readonly #x: Float64Array;
  readonly #xx: Float64Array;
  readonly #xy: Float64Array;
  #rows = 0;

  constructor(features: number) {
    this.#x = new Float64Array(features);
    this.#xx = new Float64Array(features);
    this.#xy = new Float64Array((features * (features - 1)) / 2);
  }

  /** @param grades of one sample, one a feature; with a missing one (NaN) it says nothing of pairs */
  add(grades: Float64Array): void {
    if (grades.some(Number.isNaN)) return;
    this.#rows += 1;
    let pair = 0;
    for (let i = 0; i < grades.length; i++) {
      const grade = grades[i] as number;
      this.#x[i] = (this.#x[i] as number) + grade;
      this.#xx[i] = (this.#xx[i] as number) + grade * grade;
      for (let j = i + 1; j < grades.length; j++) {
        this.#xy[pair] = (this.#xy[pair] as number) + grade * (grades[j] as number);
        pair += 1;
      }
    }
  }

  clear(): void {
    this.#rows = 0;
    this.#x.fill(0);
    this.#xx.fill(0);
    this.#xy.fill(0);
  }

  /**
   * What this window and the one before it say together of features `a` < `b`.
   * @param pair their place in the upper triangle
   */
  with(before: PairWindow, pair: number, a: number, b: number): PairSums {
    const both = (of: (window: PairWindow) => number | undefined) => (of(this) ?? 0) + (of(before) ?? 0);
    return {
      rows: this.#rows + before.#rows,
      x: both((window) => window.#x[a]),
      y: both((window) => window.#x[b]),
      xx: both((window) => window.#xx[a]),
      yy: both((window) => window.#xx[b]),
      xy: both((window) => window.#xy[pair]),
    };
  }
}
