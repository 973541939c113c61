/** What the last samples of all features looked like: histograms over the baseline's bins, and how alike neighbours are. */
import { gradesOf } from '../../protocol/drift/correlation-shift.ts';
import type { FeatureStatistics } from '../../protocol/drift/feature-statistics.ts';
import type { WatchedFeature } from './watched-features.ts';

/**
 * Sums of one feature: count, then value, square and squared step from sample to sample, of x (in baseline standard
 * deviations from its mean) and of its grade (correlation-shift.ts).
 */
const SUMS = 7;

/** Accumulates samples; memory does not depend on how many. No allocation a sample. */
export class FeatureWindow {
  /** Of the newest sample (correlation-shift.ts); NaN: missing. */
  readonly grades: Float64Array;
  readonly #features: readonly WatchedFeature[];
  readonly #edges: Float64Array;
  /** Where each feature's edges begin in `#edges`; its bins begin at the same place plus its index. */
  readonly #from: Int32Array;
  readonly #mean: Float64Array;
  readonly #inverseStd: Float64Array;
  readonly #previous: Float64Array;
  /** Of each bin. */
  readonly #gradeOf: Float64Array;
  /** Mean square of the grades in the baseline. */
  readonly #spread: Float64Array;
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;
  #samples = 0;

  constructor(features: readonly WatchedFeature[]) {
    this.#features = features;
    this.#previous = new Float64Array(features.length).fill(Number.NaN);
    this.grades = new Float64Array(features.length).fill(Number.NaN);
    this.#edges = Float64Array.from(features.flatMap(({ edges }) => edges));
    this.#from = new Int32Array(features.length + 1);
    features.forEach(({ edges }, i) => {
      this.#from[i + 1] = (this.#from[i] as number) + edges.length;
    });
    this.#mean = Float64Array.from(features, ({ mean }) => mean);
    this.#inverseStd = Float64Array.from(features, ({ std }) => (std > 0 ? 1 / std : 0));
    const grades = features.map(({ shares }) => gradesOf(shares));
    this.#gradeOf = Float64Array.from(grades.flat());
    this.#spread = Float64Array.from(features, ({ shares }, i) =>
      shares.reduce((sum, share, bin) => sum + share * (grades[i]?.[bin] ?? 0) ** 2, 0),
    );
    this.#counts = new Float64Array(this.#edges.length + features.length);
    this.#sums = new Float64Array(features.length * SUMS);
  }

  get samples(): number {
    return this.#samples;
  }

  /** @param values one a feature, in the order of the profile; NaN (missing) is passed over */
  add(values: ArrayLike<number>): void {
    this.#samples += 1;
    const edges = this.#edges;
    const sums = this.#sums;
    const grades = this.grades;
    for (let i = 0; i < grades.length; i++) {
      const value = values[i] as number;
      if (Number.isNaN(value)) {
        grades[i] = Number.NaN;
        this.#previous[i] = Number.NaN;
        continue;
      }
      const from = this.#from[i] as number;
      const end = this.#from[i + 1] as number;
      let bin = from + i;
      // Looks at every edge: a loop that stops at the right one mispredicts its branch nearly every time.
      for (let edge = from; edge < end; edge++) bin += (edges[edge] as number) < value ? 1 : 0;
      this.#counts[bin] = (this.#counts[bin] as number) + 1;
      const grade = this.#gradeOf[bin] as number;
      const s = i * SUMS;
      sums[s] = (sums[s] as number) + 1;
      const x = (value - (this.#mean[i] as number)) * (this.#inverseStd[i] as number);
      sums[s + 1] = (sums[s + 1] as number) + x;
      sums[s + 2] = (sums[s + 2] as number) + x * x;
      sums[s + 4] = (sums[s + 4] as number) + grade;
      sums[s + 5] = (sums[s + 5] as number) + grade * grade;
      const step = x - (this.#previous[i] as number);
      // No step from a missing value.
      if (!Number.isNaN(step)) {
        sums[s + 3] = (sums[s + 3] as number) + step * step;
        sums[s + 6] = (sums[s + 6] as number) + (grade - (grades[i] as number)) ** 2;
      }
      this.#previous[i] = x;
      grades[i] = grade;
    }
  }

  /** Forgets the samples; the last values stay, as neighbours of the next ones. */
  clear(): void {
    this.#samples = 0;
    this.#counts.fill(0);
    this.#sums.fill(0);
  }

  /** What this window and the one before it say together of one feature. */
  with(before: FeatureWindow, feature: number): FeatureStatistics {
    const sum = (at: number) =>
      (this.#sums[feature * SUMS + at] ?? 0) + (before.#sums[feature * SUMS + at] ?? 0);
    const samples = sum(0);
    const first = (this.#from[feature] ?? 0) + feature;
    const bins = (this.#features[feature]?.edges.length ?? 0) + 1;
    const counts = Array.from({ length: bins }, (_, bin) => {
      return (this.#counts[first + bin] ?? 0) + (before.#counts[first + bin] ?? 0);
    });
    return {
      samples,
      counts,
      mean: samples > 0 ? sum(1) / samples : 0,
      // One outlier in training makes all other values look as if they stood still, and grades stand still at their ends:
      // what moves by either of them moves.
      autocorrelation: Math.min(
        neighbours(samples, sum(1), sum(2), sum(3), 1),
        neighbours(samples, sum(4), sum(5), sum(6), this.#spread[feature] ?? 0),
      ),
      missing: this.#samples + before.#samples - samples,
    };
  }
}

/**
 * Correlation of neighbours: the expected square of a step is 2 (1 - r) times the variance (von Neumann, 1941).
 * @param leastVariance the baseline's: a slow signal that rests for a window must not look like independent noise
 */
function neighbours(n: number, sum: number, squares: number, steps: number, leastVariance: number): number {
  const variance = n > 0 ? Math.max(leastVariance, squares / n - (sum / n) ** 2) : 0;
  return variance > 0 ? 1 - steps / n / (2 * variance) : 0;
}
