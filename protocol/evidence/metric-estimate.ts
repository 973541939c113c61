/** The model's one number from outcome counts, and how sure it is. Pure. */
import { confusionCells, effectiveCount } from './confusion-cells.ts';
import { labelCount, type OutcomeCount, type Weighing } from './outcome-count.ts';
import { type MetricRule, sharesOf } from './share-of-right.ts';
import { wilsonInterval } from './wilson-interval.ts';

export interface Estimate {
  /** The metric, 0..1. */
  readonly value: number;
  /** Its 95 % interval. */
  readonly low: number;
  readonly high: number;
  /** Its variance, by linearisation. */
  readonly variance: number;
  /** The sample size that gives a proportion of this value this variance. */
  readonly size: number;
  readonly labels: number;
  /** As many equally trusted and equally seen labels would say as much (Kish). */
  readonly effectiveLabels: number;
  /** The same of those that bear on the metric: for an F-score, all but the true negatives. */
  readonly bearing: number;
}

/** @returns the metric alone, 0..1; null while it is not defined (no labels; for `f-beta` no positives) */
export function metricValue(
  metric: MetricRule,
  counts: readonly OutcomeCount[],
  weighing: Weighing = 'naive',
): number | null {
  const shares = sharesOf(metric, confusionCells(counts, weighing));
  return shares.length === 0 ? null : meanOf(shares.map(({ value }) => value));
}

/**
 * The variance is that of the linearised metric, the sum of (weight x influence)² over all labelled predictions
 * (Särndal, Swensson, Wretman 1992, 5.5), so it holds for unequal weights too. The interval is Wilson's at the
 * sample size that gives a proportion this variance (Korn and Graubard 1998): unlike value ± 2 sd it stays within 0..1
 * and holds near 1. A share of exactly 0 or 1 has no influence left to measure; there stands the variance of a
 * proportion moved toward one half, as Wilson's centre is.
 * @returns null while the metric is not defined
 */
export function metricEstimate(
  metric: MetricRule,
  counts: readonly OutcomeCount[],
  weighing: Weighing,
): Estimate | null {
  const cells = confusionCells(counts, weighing);
  const shares = sharesOf(metric, cells);
  if (shares.length === 0) return null;
  const value = meanOf(shares.map((share) => share.value));
  const settled = shares.map((share) => {
    const inside = share.value > 0 && share.value < 1;
    const level = inside ? share.value : towardHalf(share.value, share.effective);
    return { level, added: inside ? 0 : (level * (1 - level)) / share.effective };
  });
  const variance =
    cells.reduce((sum, cell) => {
      const influence = meanOf(shares.map(({ gradient }) => gradient(cell)));
      return sum + influence * influence * cell.square;
    }, 0) +
    settled.reduce((sum, { added }) => sum + added, 0) / shares.length ** 2;
  const level = meanOf(settled.map((each) => each.level));
  const size = (level * (1 - level)) / variance;
  const bearing = meanOf(shares.map(({ effective }) => effective));
  return {
    value,
    ...wilsonInterval(value, size, bearing),
    variance,
    size,
    labels: labelCount(counts),
    effectiveLabels: effectiveCount(cells),
    bearing,
  };
}

function towardHalf(value: number, n: number): number {
  return (value * n + 2) / (n + 4);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
