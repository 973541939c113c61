/** The unit of counting behind every metric: labelled predictions that are alike, and how many there are. */

import type { Tags } from '../tags.ts';

export interface OutcomeCount {
  /** Index of the label in force. */
  readonly truth: number;
  /** Index of the label that the model said. */
  readonly said: number;
  /** Trust in the truth, 0..1. */
  readonly weight: number;
  /**
   * Chance that the truth of such a prediction is seen, (0, 1]. 0 for one whose truth came by no stated chance; only
   * the naive metric counts it.
   */
  readonly propensity: number;
  /** Chance that a full device kept such a prediction, (0, 1]. */
  readonly keptShare: number;
  readonly count: number;
}

/** Outcomes of predictions with these tags. */
export interface TaggedCount extends OutcomeCount {
  readonly tags: Tags;
}

/** Labelled predictions that are here, whatever their labels weigh. */
export function labelCount(counts: readonly OutcomeCount[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

/**
 * A part that the model rejected and that was not drawn for inspection: nothing says by which chance an operator spoke
 * of just this one, so its label cannot stand for others.
 */
export function countedPropensity({
  propensity,
  explored,
}: {
  propensity: number;
  explored: boolean;
}): number {
  return propensity === 1 || explored ? propensity : 0;
}

/** Whether some truths were seen more rarely than others, so that naive and corrected metric differ. */
export function isSelective(counts: readonly OutcomeCount[]): boolean {
  return counts.some(({ propensity }) => propensity !== 1);
}

/**
 * How much each prediction counts: by the trust in its label and as one that stands for those that thinning took; `corrected`
 * also by the inverse of its propensity, for those whose truth was not seen. All metrics are ratios, so this is the Hájek
 * (self-normalised) estimator.
 */
export type Weighing = 'naive' | 'corrected';

export function unitWeight({ weight, propensity, keptShare }: OutcomeCount, weighing: Weighing): number {
  if (weighing === 'naive') return weight / keptShare;
  return propensity === 0 ? 0 : weight / (propensity * keptShare);
}
