/** The model's one number from counts of (truth, said), as the manifest names it. Pure. */
import type { Metric } from '../../protocol/manifest.ts';

export interface Counted {
  readonly truth: number;
  readonly said: number;
  /** Trust in the truth, 0..1. */
  readonly weight: number;
  readonly count: number;
}

/** @returns the metric in 0..1, each pair counting by its weight; null while it is not defined (no labels, no positives) */
export function onlineMetric(
  metric: Pick<Metric, 'name' | 'beta'>,
  counts: readonly Counted[],
): number | null {
  if (mass(counts, () => true) === 0) return null;
  switch (metric.name) {
    case 'accuracy':
      return accuracy(counts);
    case 'f-beta':
      return fBeta(counts, 1, metric.beta ?? 1);
    case 'macro-f1':
      return macroF1(counts);
  }
}

/** Labelled predictions behind the metric. */
export function labelCount(counts: readonly Counted[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

function accuracy(counts: readonly Counted[]): number {
  return mass(counts, ({ truth, said }) => truth === said) / mass(counts, () => true);
}

/**
 * (1 + b²) tp / ((1 + b²) tp + b² fn + fp) of one label against the rest.
 * @returns null when the label was neither true nor said
 */
function fBeta(counts: readonly Counted[], label: number, beta: number): number | null {
  const tp = mass(counts, ({ truth, said }) => truth === label && said === label);
  const fn = mass(counts, ({ truth, said }) => truth === label && said !== label);
  const fp = mass(counts, ({ truth, said }) => truth !== label && said === label);
  if (tp + fn + fp === 0) return null;
  const b2 = beta * beta;
  return ((1 + b2) * tp) / ((1 + b2) * tp + b2 * fn + fp);
}

/** Mean F1 over the labels that were true or said, as scikit-learn counts them. */
function macroF1(counts: readonly Counted[]): number | null {
  const labels = new Set(
    counts.filter((c) => c.count * c.weight > 0).flatMap(({ truth, said }) => [truth, said]),
  );
  const scores = [...labels].map((label) => fBeta(counts, label, 1)).filter((score) => score !== null);
  return scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function mass(counts: readonly Counted[], is: (counted: Counted) => boolean): number {
  return counts.reduce((sum, counted) => (is(counted) ? sum + counted.weight * counted.count : sum), 0);
}
