/** The model's one number for both models of a pair, on the same labelled samples. */
import type { Metric } from '../../protocol/manifest.ts';
import type { PairCount } from './evidence-source.ts';

/**
 * `f-beta` on label 1, `macro-f1` over the labels that occur, or `accuracy`; weighted by the trust in each label.
 * @returns null where it is not defined yet (no pairs; for `f-beta` neither a positive nor an alarm)
 */
export function pairedMetric(
  metric: Metric,
  pairs: readonly PairCount[],
  of: 'champion' | 'challenger',
): number | null {
  if (metric.name === 'f-beta') return fScore(pairs, of, 1, metric.beta ?? 1);
  if (metric.name === 'macro-f1') {
    const labels = new Set(pairs.flatMap((pair) => [pair.truth, pair[of]]));
    const scores = [...labels].map((label) => fScore(pairs, of, label, 1) ?? 0);
    return scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length;
  }
  const total = weigh(pairs);
  return total === 0 ? null : weigh(pairs.filter((pair) => pair.truth === pair[of])) / total;
}

function fScore(
  pairs: readonly PairCount[],
  of: 'champion' | 'challenger',
  positive: number,
  beta: number,
): number | null {
  const hits = weigh(pairs.filter((pair) => pair.truth === positive && pair[of] === positive));
  const missed = weigh(pairs.filter((pair) => pair.truth === positive && pair[of] !== positive));
  const falseAlarms = weigh(pairs.filter((pair) => pair.truth !== positive && pair[of] === positive));
  const b2 = beta * beta;
  const denominator = (1 + b2) * hits + b2 * missed + falseAlarms;
  return denominator === 0 ? null : ((1 + b2) * hits) / denominator;
}

function weigh(pairs: readonly PairCount[]): number {
  return pairs.reduce((sum, pair) => sum + pair.weight * pair.count, 0);
}
