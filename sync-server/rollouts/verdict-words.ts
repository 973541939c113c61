/** A judgement in words, with the numbers it rests on. Pure. */
import type { Metric } from '../../protocol/manifest.ts';
import type { PairCount } from './evidence-source.ts';
import { failuresAllowed, type Judgement, MIN_POSITIVES, type StageEvidence } from './judge.ts';
import { fewestLabels, labelsNeeded } from './labels-needed.ts';
import { countOf, type PairedDifference, POSITIVE, pairedDifference } from './paired-difference.ts';

export function verdictWords(evidence: StageEvidence, judgement: Judgement): string {
  const { all, fresh, metric, plan } = evidence;
  const sofar = () => tally(all, metric);
  switch (judgement.because) {
    case 'guardrail':
      return guardrailWords(evidence);
    case 'harm':
      return `Harm is likely: ${sofar()} ${differenceOf(evidence)} An equal model would come to this in at most ${share(plan.alpha)} of all rollouts.`;
    case 'no-labels':
      return `No labels yet on samples that both models saw in this stage (${evidence.guardrails.predictions} predictions by the new model). ${startWords(evidence)}`;
    case 'few-positives':
      return `Not enough to tell yet: ${sofar()} Real positives among them: ${positivesIn(all)}, at least ${MIN_POSITIVES} are needed.`;
    case 'unproven':
      return `Not enough to tell yet: ${sofar()} ${differenceOf(evidence)} ${neededWords(evidence, judgement)}`;
    case 'few-fresh':
      return `No worse so far, but this stage has only ${countOf(fresh)} labelled pairs of its own; it needs ${plan.minPairs}.`;
    case 'leans-to-harm':
      return `Proven over the whole rollout, but the labels of this stage lean the other way: ${tally(fresh, metric)} It waits until they do not.`;
    case 'no-worse':
      return `Not worse by ${marginWords(metric, plan.margin)}: ${sofar()} ${differenceOf(evidence)}`;
    case 'better':
      return `The new model is better: ${sofar()} ${differenceOf(evidence)}`;
  }
}

/** `2 points`, or `2 misses in 100` where the metric counts misses. */
function marginWords(metric: Pick<Metric, 'name'>, margin: number): string {
  const amount = Math.round(margin * 1000) / 10;
  if (metric.name === 'f-beta') return `${amount} ${amount === 1 ? 'miss' : 'misses'} in 100`;
  return `${amount} ${amount === 1 ? 'point' : 'points'}`;
}

/** `Difference +1.2 points (-0.4 to +2.9).` Above 0 the new model does better. */
function differenceWords({ mean, low, high }: PairedDifference, metric: Metric): string {
  const unit = metric.name === 'f-beta' ? 'misses saved in 100' : 'points';
  return `Difference ${signed(mean)} ${unit} (${signed(low)} to ${signed(high)}).`;
}

function differenceOf({ all, metric, plan }: StageEvidence): string {
  const difference = pairedDifference(all, metric, plan.alpha);
  return difference ? differenceWords(difference, metric) : '';
}

function guardrailWords(evidence: StageEvidence): string {
  const [first, ...others] = evidence.guardrails.failures;
  if (!first) return '';
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  const allowed = failuresAllowed(evidence);
  const limit = allowed > 0 ? ` Of ${evidence.members} devices ${allowed} may fail.` : '';
  return `${first.device} did not keep the model${more}: ${first.reason}${limit}`;
}

function startWords({ all, metric, plan }: StageEvidence): string {
  if (countOf(all) > 0) return `At least ${plan.minPairs} labelled pairs are needed.`;
  const fewest = fewestLabels(metric, plan.margin, plan.alpha);
  const labels = metric.name === 'f-beta' ? 'real positives' : 'pairs';
  return `To show that it is not worse by ${marginWords(metric, plan.margin)} takes about ${fewest} labelled ${labels} where both agree; fewer if it is better.`;
}

function neededWords(evidence: StageEvidence, judgement: Judgement): string {
  const needed = labelsNeeded(evidence, judgement);
  return needed === null
    ? `More labels like these would not show that it is not worse by ${marginWords(evidence.metric, evidence.plan.margin)}.`
    : `About ${needed} more labelled pairs are needed.`;
}

/** `on 300 labelled pairs …`: how often only one of the two models erred, misses apart where they cost more. */
function tally(pairs: readonly PairCount[], metric: Metric): string {
  const total = countOf(pairs);
  const on = `on ${total} labelled ${total === 1 ? 'pair' : 'pairs'}`;
  if (metric.name !== 'f-beta') {
    return `${on} only the new model erred ${aloneWrong(pairs, 'challenger')} times, only the old one ${aloneWrong(pairs, 'champion')} times.`;
  }
  const positives = pairs.filter(({ truth }) => truth === POSITIVE);
  const negatives = pairs.filter(({ truth }) => truth !== POSITIVE);
  const alone = (of: 'champion' | 'challenger') =>
    `missed ${aloneWrong(positives, of)} and raised ${aloneWrong(negatives, of)} false alarms`;
  const costs = `a miss counts as ${(metric.beta ?? 1) ** 2} false alarms`;
  return `${on} the new model alone ${alone('challenger')}, the old one alone ${alone('champion')} (${costs}).`;
}

function aloneWrong(pairs: readonly PairCount[], of: 'champion' | 'challenger'): number {
  const other = of === 'champion' ? 'challenger' : 'champion';
  return countOf(pairs.filter((pair) => pair[of] !== pair.truth && pair[other] === pair.truth));
}

function positivesIn(pairs: readonly PairCount[]): number {
  return countOf(pairs.filter(({ truth }) => truth === POSITIVE));
}

function signed(value: number): string {
  const text = Math.abs(value * 100).toFixed(1);
  return Number(text) === 0 ? '0' : `${value < 0 ? '−' : '+'}${text}`;
}

function share(alpha: number): string {
  return `${Math.round(alpha * 1000) / 10}%`;
}
