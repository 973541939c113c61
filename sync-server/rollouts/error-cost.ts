/** What an error costs under the model's one metric, scaled so that the worst error costs 1. */
import type { Metric } from '../../protocol/manifest.ts';

export type ErrorCost = (truth: number, said: number) => number;

/**
 * For `f-beta` a missed positive (label 1) costs beta² and a false alarm 1, as in
 * F = (1+b²)TP / ((1+b²)TP + b²FN + FP); every other metric counts all errors alike.
 */
export function errorCost(metric: Metric): ErrorCost {
  if (metric.name !== 'f-beta') return (truth, said) => (truth === said ? 0 : 1);
  const missed = (metric.beta ?? 1) ** 2;
  const worst = Math.max(missed, 1);
  return (truth, said) => (truth === said ? 0 : (truth === 1 ? missed : 1) / worst);
}
