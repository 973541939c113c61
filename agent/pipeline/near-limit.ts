/** Whether a model was unsure of what it said: such predictions are worth more than others when room is short. Pure. */
import type { Decision } from '../../protocol/manifest.ts';
import type { Decided } from './decide.ts';

/** The best of several labels with less than this is a guess. */
const SURE_FROM = 0.6;
/** Odds of a probability that are within this factor of the threshold's. */
const NEAR_ODDS = Math.E;
/** Of an anomaly score, relative to its threshold. */
const NEAR_SHARE = 0.1;

/** A measured value in a band is as sure as any other: it is never near a limit. */
export function isNearLimit(decision: Decision, { score }: Pick<Decided, 'score'>): boolean {
  switch (decision.kind) {
    case 'argmax':
      return score < SURE_FROM;
    case 'threshold':
      return Math.abs(logOdds(score) - logOdds(decision.threshold)) < Math.log(NEAR_ODDS);
    case 'anomaly':
      return Math.abs(score - decision.threshold) <= NEAR_SHARE * Math.abs(decision.threshold);
    case 'bands':
      return false;
  }
}

/** NaN outside of 0..1, which is near nothing. */
function logOdds(probability: number): number {
  return Math.log(probability / (1 - probability));
}
