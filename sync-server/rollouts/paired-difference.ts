/** What the two models' errors cost on the same labelled samples, and how far apart they can be. Pure. */
import type { Metric } from '../../protocol/manifest.ts';
import { type Difference, logEvidence } from './e-process.ts';
import { errorCost } from './error-cost.ts';
import type { PairCount } from './evidence-source.ts';

/** The label whose misses `f-beta` counts. */
export const POSITIVE = 1;

/** Old model's cost less the new one's: above 0 the new model does better. */
export interface PairedDifference {
  readonly mean: number;
  /** Always-valid: however often one looks, the true value is ever below `low` with probability <= alpha, as above `high`. */
  readonly low: number;
  readonly high: number;
}

const HALVINGS = 34;
/** Where the ends of an interval are looked for: false alarms can cost many times what the few real positives do. */
const REACH = 10;

/**
 * One value a pair: weight · (cost of the old model's error − cost of the new one's + margin · unit), with costs in
 * [0, 1] and `unit` 1, or for `f-beta` 1 on real positives and 0 elsewhere. The expected value is above 0 exactly where
 * the new model's expected cost a unit is less than `margin` above the old one's.
 * @param margin a point of the scale on which the worst error costs 1; negative: by how much it must be better
 */
export function differencesOf(pairs: readonly PairCount[], metric: Metric, margin = 0): Difference[] {
  const cost = errorCost(metric);
  return pairs.map(({ truth, champion, challenger, weight, count }) => ({
    value: weight * (cost(truth, champion) - cost(truth, challenger) + (isUnit(metric, truth) ? margin : 0)),
    count,
  }));
}

/** ln of the evidence that the new model costs less than `margin` more than the old one. */
export function evidenceOfNoWorse(pairs: readonly PairCount[], metric: Metric, margin: number): number {
  // A bet must not lose more than the stake: the worst value is -1 + margin, below -1 where the margin is negative.
  const stake = 1 / (1 + Math.max(0, -margin));
  return logEvidence(
    differencesOf(pairs, metric, margin).map(({ value, count }) => ({ value: value * stake, count })),
  );
}

/** ln of the evidence that the new model costs more. */
export function evidenceOfHarm(pairs: readonly PairCount[], metric: Metric): number {
  return logEvidence(differencesOf(pairs, metric).map(({ value, count }) => ({ value: -value, count })));
}

/**
 * The difference a unit with a confidence sequence: every value that no bet against it has made too much money of. Its
 * lower end passes `-margin` at the very label at which `evidenceOfNoWorse` reaches 1/alpha.
 * Inverting betting tests: Waudby-Smith & Ramdas, JRSS-B 2024, section 4.
 * @returns undefined without a unit (no pairs; for `f-beta` no real positive)
 */
export function pairedDifference(
  pairs: readonly PairCount[],
  metric: Metric,
  alpha: number,
): PairedDifference | undefined {
  const units = pairs.reduce(
    (sum, { truth, weight, count }) => sum + (isUnit(metric, truth) ? weight * count : 0),
    0,
  );
  if (units === 0) return undefined;
  const mean = differencesOf(pairs, metric).reduce((sum, { value, count }) => sum + value * count, 0) / units;
  const swapped = pairs.map((pair) => ({ ...pair, champion: pair.challenger, challenger: pair.champion }));
  return {
    mean,
    low: lowerEnd(pairs, metric, alpha),
    high: -lowerEnd(swapped, metric, alpha),
  };
}

/** The largest value that the difference is proven to exceed. */
function lowerEnd(pairs: readonly PairCount[], metric: Metric, alpha: number): number {
  const reach = metric.name === 'f-beta' ? REACH : 1;
  let [proven, unproven] = [-reach, reach];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (proven + unproven) / 2;
    if (evidenceOfNoWorse(pairs, metric, -middle) >= Math.log(1 / alpha)) proven = middle;
    else unproven = middle;
  }
  return proven;
}

/** Misses are few where failures are: a margin a sample would let a model through that finds none of them. */
function isUnit(metric: Metric, truth: number): boolean {
  return metric.name !== 'f-beta' || truth === POSITIVE;
}

export function countOf(pairs: readonly PairCount[]): number {
  return pairs.reduce((sum, pair) => sum + pair.count, 0);
}
