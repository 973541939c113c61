/**
 * Whether two features still move together as in training. Correlations are taken of grades, not of values: the middle
 * rank, 0..1, that a value's bin has in the baseline. So outliers do not decide, and sums of a few numbers merge.
 */

import { normalQuantile } from './chance.ts';
import { FALSE_ALARM } from './drift-verdict.ts';

/** A change that matters to a model. */
const FLOOR = 0.3;
const MIN_SAMPLES = 30;

/** Sums over rows, of the grades x and y of two features. */
export interface PairSums {
  readonly rows: number;
  readonly x: number;
  readonly y: number;
  readonly xx: number;
  readonly yy: number;
  readonly xy: number;
}

/** The grade of each bin, minus a half so that the baseline's mean is 0. */
export function gradesOf(shares: readonly number[]): number[] {
  let below = 0;
  return shares.map((share) => {
    below += share;
    return below - share / 2 - 0.5;
  });
}

/** Pearson's, of the grades; NaN when one of them did not move. */
export function correlation({ rows, x, y, xx, yy, xy }: PairSums): number {
  const spread = (rows * xx - x * x) * (rows * yy - y * y);
  return spread > 1e-9 * rows ** 4 ? (rows * xy - x * y) / Math.sqrt(spread) : Number.NaN;
}

/**
 * By Fisher's z: atanh(r) is about normal with variance 1/(n - 3); a rank correlation's is about 1.06 times that
 * (Fieller, Hartley and Pearson, 1957).
 * @param samples independent samples that the window is worth
 * @param pairs that are judged together (Bonferroni)
 * @returns over 1: shifted; 0 where nothing can be said
 */
export function correlationExcess(
  now: number,
  baseline: number,
  samples: number,
  baselineRows: number,
  pairs: number,
): number {
  if (Number.isNaN(now) || samples < MIN_SAMPLES) return 0;
  const z = Math.abs(fisher(now) - fisher(baseline));
  const deviation = Math.sqrt(1.06 / (samples - 3) + 1.06 / Math.max(1, baselineRows - 3));
  const byChance = normalQuantile(1 - FALSE_ALARM / pairs / 2) * deviation;
  return Math.min(z / byChance, Math.abs(now - baseline) / FLOOR);
}

/** Kept off the ends, where a handful of ties would decide. */
function fisher(r: number): number {
  return Math.atanh(Math.max(-0.99, Math.min(0.99, r)));
}
