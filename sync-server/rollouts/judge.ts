/** The judgement of a rollout stage: a pure function from evidence to advance, hold or roll back, in numbers. */
import type { Metric } from '../../protocol/manifest.ts';
import type { Guardrails, PairCount } from './evidence-source.ts';
import { countOf, evidenceOfHarm, evidenceOfNoWorse, POSITIVE } from './paired-difference.ts';
import type { RolloutPlan } from './rollout.ts';

/** Below this many labelled positives nothing is known about misses, so `f-beta` cannot advance. */
export const MIN_POSITIVES = 5;

export interface StageEvidence {
  /** Since the rollout began. */
  readonly all: readonly PairCount[];
  /** Since this stage began. */
  readonly fresh: readonly PairCount[];
  /** Of the whole rollout: harm is looked for anew in each. */
  readonly stages: number;
  readonly guardrails: Guardrails;
  /** Devices that were given the new model so far. */
  readonly members: number;
  readonly metric: Metric;
  readonly plan: RolloutPlan;
}

/** Each evidence is ln of an e-value: how many times over a bet on it has multiplied its stake. */
export interface Judgement {
  readonly verdict: 'advance' | 'hold' | 'roll-back';
  readonly because:
    | 'guardrail'
    | 'harm'
    | 'no-labels'
    | 'few-positives'
    | 'unproven'
    | 'few-fresh'
    | 'leans-to-harm'
    | 'no-worse'
    | 'better';
  readonly harm: number;
  readonly noWorse: number;
  /** What `harm` and `noWorse` have to reach: ln(1/alpha). */
  readonly bar: number;
}

/**
 * Compares challenger and champion on the samples that both saw and that got a label (docs/adr/0012). What is
 * guaranteed, as long as whether and when a sample gets its label depends on neither model's answer:
 * - roll back for harm: if the new model's expected cost is never above the old one's, at most alpha of all rollouts are
 *   rolled back for harm, over all of their stages and looks together;
 * - advance: if the new model's expected cost is always above the old one's by `margin` or more, at most alpha of all
 *   rollouts ever leave their first stage.
 * Without fresh labels nothing advances. Too many devices that do not keep the model end the rollout.
 */
export function judge(evidence: StageEvidence): Judgement {
  const { all, fresh, metric, plan } = evidence;
  const numbers = {
    harm: harmOf(evidence),
    noWorse: evidenceOfNoWorse(all, metric, plan.margin),
    bar: Math.log(1 / plan.alpha),
  };
  const { harm, noWorse, bar } = numbers;
  const ends = (because: Judgement['because']) => ({ verdict: 'roll-back', because, ...numbers }) as const;
  const holds = (because: Judgement['because']) => ({ verdict: 'hold', because, ...numbers }) as const;
  const advances = (because: Judgement['because']) => ({ verdict: 'advance', because, ...numbers }) as const;
  if (evidence.guardrails.failures.length > failuresAllowed(evidence)) return ends('guardrail');
  if (harm >= bar) return ends('harm');
  if (countOf(fresh) === 0) return holds('no-labels');
  if (lacksPositives(all, metric)) return holds('few-positives');
  if (noWorse < bar) return holds('unproven');
  if (countOf(fresh) < plan.minPairs) return holds('few-fresh');
  if (evidenceOfHarm(fresh, metric) > 0) return holds('leans-to-harm');
  return advances(evidenceOfNoWorse(all, metric, 0) >= bar ? 'better' : 'no-worse');
}

/** So many devices may refuse the model or go back by themselves: in a large fleet some device always has a fault of its own. */
export function failuresAllowed({ members, plan }: Pick<StageEvidence, 'members' | 'plan'>): number {
  return Math.floor(plan.maxFailedShare * members);
}

/**
 * Half of the stake bets on harm since the rollout began, half is spread over its stages and bets on harm since each of
 * them began: what does harm only where the model came later would else have to outweigh all the good labels before.
 * A mean of e-processes is one.
 */
function harmOf({ all, fresh, stages, metric }: StageEvidence): number {
  const whole = evidenceOfHarm(all, metric);
  const stage = evidenceOfHarm(fresh, metric) - Math.log(stages);
  const larger = Math.max(whole, stage);
  return larger + Math.log((Math.exp(whole - larger) + Math.exp(stage - larger)) / 2);
}

function lacksPositives(pairs: readonly PairCount[], metric: Metric): boolean {
  return metric.name === 'f-beta' && countOf(pairs.filter(({ truth }) => truth === POSITIVE)) < MIN_POSITIVES;
}
