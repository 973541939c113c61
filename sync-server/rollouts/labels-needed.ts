/** How many more labelled pairs a stage needs before it may advance, if they look like those so far. Pure. */
import type { Metric } from '../../protocol/manifest.ts';
import type { PairCount } from './evidence-source.ts';
import type { Judgement, StageEvidence } from './judge.ts';
import { countOf, evidenceOfNoWorse, POSITIVE } from './paired-difference.ts';

/** Beyond this many times the labels so far, nobody can tell. */
const LOOK_AHEAD = 1000;
const HALVINGS = 20;

/** @returns 0 when no more are needed; null when more labels like these would not do, or nobody can tell yet */
export function labelsNeeded(
  { all, fresh, metric, plan }: StageEvidence,
  { bar, noWorse }: Pick<Judgement, 'bar' | 'noWorse'>,
): number | null {
  const forStage = Math.max(0, plan.minPairs - countOf(fresh));
  if (noWorse >= bar) return forStage;
  const times = timesNeeded(all, metric, plan.margin, bar, LOOK_AHEAD);
  if (times === null) return null;
  return Math.max(1, forStage, Math.ceil(countOf(all) * (times - 1)));
}

/** Labelled pairs (for `f-beta`: real positives) that it takes where both models always say the same. */
export function fewestLabels(metric: Metric, margin: number, alpha: number): number {
  const alike: PairCount = { truth: POSITIVE, champion: POSITIVE, challenger: POSITIVE, weight: 1, count: 1 };
  return Math.ceil(
    timesNeeded([alike], metric, margin, Math.log(1 / alpha), 1e9) ?? Number.POSITIVE_INFINITY,
  );
}

/** The evidence of so many times the same pairs is convex in that number, and below the bar at 1: it passes the bar once. */
function timesNeeded(
  pairs: readonly PairCount[],
  metric: Metric,
  margin: number,
  bar: number,
  limit: number,
): number | null {
  const passes = (times: number) => {
    const more = pairs.map((pair) => ({ ...pair, count: pair.count * times }));
    return evidenceOfNoWorse(more, metric, margin) >= bar;
  };
  let [fails, enough] = [1, 2];
  while (!passes(enough)) {
    if (enough >= limit) return null;
    [fails, enough] = [enough, enough * 2];
  }
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (fails + enough) / 2;
    if (passes(middle)) enough = middle;
    else fails = middle;
  }
  return enough;
}
