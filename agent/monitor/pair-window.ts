/** How features moved together in the last samples: sums of the grades of all pairs, for correlation-shift.ts. */
import { gradesOf, type PairSums } from '../../protocol/drift/correlation-shift.ts';
import type { WatchedFeature } from './watched-features.ts';

/** One addition and one multiplication a pair and sample; memory does not depend on the number of samples. */
export class PairWindow {
  /** The grade of each bin of all features, as `FeatureWindow.bins` counts them. */
  readonly #gradeOfBin: Float64Array;
  readonly #grades: Float64Array;
  readonly #x: Float64Array;
  readonly #xx: Float64Array;
  readonly #xy: Float64Array;
  #rows = 0;

  constructor(features: readonly WatchedFeature[]) {
    const { length } = features;
    this.#gradeOfBin = Float64Array.from(features.flatMap(({ shares }) => gradesOf(shares)));
    this.#grades = new Float64Array(length);
    this.#x = new Float64Array(length);
    this.#xx = new Float64Array(length);
    this.#xy = new Float64Array((length * (length - 1)) / 2);
  }

  /** @param bins of one sample; a sample with a missing value says nothing of pairs */
  add(bins: Int32Array): void {
    if (bins.includes(-1)) return;
    const grades = this.#grades;
    for (let i = 0; i < bins.length; i++) grades[i] = this.#gradeOfBin[bins[i] as number] as number;
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
