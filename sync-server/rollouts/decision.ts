/** The judgement of a rollout stage: a pure function from evidence to advance, hold or roll back. */
import type { Metric } from '../../protocol/manifest.ts';
import { type Difference, logEvidence } from './e-process.ts';
import { errorCost } from './error-cost.ts';
import type { Guardrails, PairCount } from './evidence-source.ts';

/** Below this many labelled positives nothing is known about misses, so `f-beta` cannot advance. */
const MIN_POSITIVES = 5;

export interface StageEvidence {
  /** Since the rollout began: judges harm. */
  readonly all: readonly PairCount[];
  /** Since this stage began: judges whether it may advance. */
  readonly fresh: readonly PairCount[];
  readonly guardrails: Guardrails;
  readonly metric: Metric;
  readonly alpha: number;
  readonly minPairs: number;
}

export interface Verdict {
  readonly verdict: 'advance' | 'hold' | 'roll-back';
  /** In words, with the numbers it rests on. */
  readonly reason: string;
}

/**
 * Compares challenger and champion on the samples that both saw and that got a label. Each pair yields
 * x = weight · (cost of the champion's error − cost of the challenger's), in [-1, 1]; pairs on which both did alike are 0.
 *
 * What is guaranteed, as long as whether and when a sample gets its label depends neither on the truth nor on the models:
 * - roll back: E of −x over the whole rollout >= 1/alpha. If the challenger's expected cost is never above the champion's,
 *   a rollout is rolled back for harm with probability <= alpha, over all of its stages and looks together.
 * - advance as better: E of x since the stage began >= 1/alpha. If the challenger is not better, a stage says so with
 *   probability <= alpha.
 * - advance as good enough: at least `minPairs` fresh pairs and no sign of harm (E of −x <= 1, fresh and in all). No error
 *   rate is promised for this way; test/sync-server/rollouts simulates it. Harm is looked for on all later stages.
 * Without labels nothing ever advances. A device that refuses the model or rolls it back ends the rollout.
 */
export function decide(evidence: StageEvidence): Verdict {
  return brokenGuardrail(evidence.guardrails) ?? likelyHarm(evidence) ?? advanceOrHold(evidence);
}

function brokenGuardrail({ failures: [first, ...others] }: Guardrails): Verdict | undefined {
  if (!first) return undefined;
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  return { verdict: 'roll-back', reason: `${first.device} did not keep the model${more}: ${first.reason}` };
}

function likelyHarm({ all, metric, alpha }: StageEvidence): Verdict | undefined {
  const harm = harmIn(all, metric);
  if (harm < bar(alpha)) return undefined;
  return { verdict: 'roll-back', reason: `Harm is likely: ${tally(all, metric)} ${strength(harm, alpha)}` };
}

function advanceOrHold({ all, fresh, guardrails, metric, alpha, minPairs }: StageEvidence): Verdict {
  const pairs = countOf(fresh);
  if (pairs === 0) {
    return hold(
      `No labels yet on samples that both models saw (${guardrails.predictions} predictions by the new model); about ${minPairs} labelled pairs are needed.`,
    );
  }
  const counted = tally(fresh, metric);
  const positives = countOf(fresh.filter((pair) => pair.truth === 1));
  if (metric.name === 'f-beta' && positives < MIN_POSITIVES) {
    const more = Math.ceil((pairs * MIN_POSITIVES) / Math.max(positives, 1)) - pairs;
    return hold(
      `Not enough to tell yet: ${counted} Real positives among them: ${positives}, at least ${MIN_POSITIVES} are needed: about ${Math.max(more, 1)} more labelled pairs.`,
    );
  }
  const gain = logEvidence(differencesOf(fresh, metric));
  if (gain >= bar(alpha)) {
    return { verdict: 'advance', reason: `The new model is better: ${counted} ${strength(gain, alpha)}` };
  }
  if (pairs >= minPairs && harmIn(all, metric) <= 0 && harmIn(fresh, metric) <= 0) {
    return { verdict: 'advance', reason: `Good enough, with no sign of harm: ${counted}` };
  }
  const more = pairsToGo(pairs, minPairs, gain, bar(alpha));
  return hold(`Not enough to tell yet: ${counted} About ${more} more labelled pairs are needed.`);
}

function hold(reason: string): Verdict {
  return { verdict: 'hold', reason };
}

function bar(alpha: number): number {
  return Math.log(1 / alpha);
}

/** ln of the evidence that the challenger costs more. */
function harmIn(pairs: readonly PairCount[], metric: Metric): number {
  return logEvidence(differencesOf(pairs, metric).map(({ value, count }) => ({ value: -value, count })));
}

/** Weighted cost, over pairs, of errors that only one of the two models made: what the page shows as better / worse. */
export function discordance(
  pairs: readonly PairCount[],
  metric: Metric,
): { pairs: number; challengerBetter: number; championBetter: number } {
  const differences = differencesOf(pairs, metric);
  const sum = (sign: number) =>
    differences.reduce((total, { value, count }) => total + Math.max(0, sign * value) * count, 0);
  return { pairs: countOf(pairs), challengerBetter: sum(1), championBetter: sum(-1) };
}

function differencesOf(pairs: readonly PairCount[], metric: Metric): Difference[] {
  const cost = errorCost(metric);
  return pairs.map((pair) => ({
    value: pair.weight * (cost(pair.truth, pair.champion) - cost(pair.truth, pair.challenger)),
    count: pair.count,
  }));
}

function countOf(pairs: readonly PairCount[]): number {
  return pairs.reduce((sum, pair) => sum + pair.count, 0);
}

/** `on 300 labelled pairs …`: how often only one of the two models erred, misses apart where they cost more. */
function tally(pairs: readonly PairCount[], metric: Metric): string {
  const total = countOf(pairs);
  const on = `on ${total} labelled ${total === 1 ? 'pair' : 'pairs'}`;
  if (metric.name !== 'f-beta') {
    return `${on} only the new model erred ${aloneWrong(pairs, 'challenger')} times, only the old one ${aloneWrong(pairs, 'champion')} times.`;
  }
  const positives = pairs.filter((pair) => pair.truth === 1);
  const negatives = pairs.filter((pair) => pair.truth !== 1);
  const alone = (of: 'champion' | 'challenger') =>
    `missed ${aloneWrong(positives, of)} and raised ${aloneWrong(negatives, of)} false alarms`;
  const costs = `a miss counts as ${(metric.beta ?? 1) ** 2} false alarms`;
  return `${on} the new model alone ${alone('challenger')}, the old one alone ${alone('champion')} (${costs}).`;
}

function aloneWrong(pairs: readonly PairCount[], of: 'champion' | 'challenger'): number {
  const other = of === 'champion' ? 'challenger' : 'champion';
  return countOf(pairs.filter((pair) => pair[of] !== pair.truth && pair[other] === pair.truth));
}

function strength(log: number, alpha: number): string {
  const value = log > Math.log(1e6) ? 'over a million' : Math.round(Math.exp(log)).toString();
  return `Betting on it multiplied the stake ${value}-fold; ${Math.round(1 / alpha)}-fold was asked for.`;
}

/** Rough: the evidence grows about as fast as it did; where it does not grow, doubling the pairs tells more. */
function pairsToGo(pairs: number, minPairs: number, gain: number, goal: number): number {
  const forGain = gain > 0 ? Math.ceil((pairs * (goal - gain)) / gain) : Number.POSITIVE_INFINITY;
  const forEnough = pairs < minPairs ? minPairs - pairs : pairs;
  return Math.max(1, Math.min(forGain, forEnough));
}
