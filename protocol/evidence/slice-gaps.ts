/**
 * The metric by slice (shift, operator, product, …), and which slices really do worse than the rest. Pages are looked at
 * all day and many slices at once, where fixed tests at 5 % would call chance a gap sooner or later. So each slice gets an
 * e-value that holds at every look, and Benjamini-Hochberg on e-values (Wang and Ramdas 2022) picks the gaps: it
 * asks nothing of how slices hang together. Pure.
 */
import { type Estimate, metricEstimate } from './metric-estimate.ts';
import type { OutcomeCount, TaggedCount } from './outcome-count.ts';
import type { MetricRule } from './share-of-right.ts';
import { Z95 } from './wilson-interval.ts';

export interface Slice {
  readonly key: string;
  readonly value: string;
  readonly estimate: Estimate;
  /** Of those with another value of the same tag. */
  readonly rest: Estimate;
  /** The slice's metric less that of the rest, with its 95 % interval for this slice alone. */
  readonly gap: number;
  readonly gapLow: number;
  readonly gapHigh: number;
  /** The slice does worse than the rest, and that is no chance: of all such calls together 5 % or less are. */
  readonly flagged: boolean;
  /** Labels are too few, here or in the rest, for any call. */
  readonly tooFew: boolean;
}

/** Of the calls "this slice does worse", at most this share is expected to be chance, at any look. */
const FALSE_GAP_SHARE = 0.05;
/** Less than these in a slice or in its rest: no call. Bearing: labels that the metric rests on, so the rare failures of an F-score. */
const MIN_LABELS = 30;
const MIN_BEARING = 10;
/** Values of one tag that are looked at, those with the most labels; a serial number as a tag would make thousands. */
export const MAX_VALUES = 20;
/** The size of gap that the e-value finds soonest. */
const EXPECTED_GAP = 0.1;

/**
 * @returns slices of tags that have two values or more, by tag, the largest shortfall first
 */
export function sliceGaps(metric: MetricRule, tagged: readonly TaggedCount[]): Slice[] {
  const keys = [...new Set(tagged.flatMap(({ tags }) => Object.keys(tags)))].sort();
  const judged = keys.flatMap((key) => slicesOf(metric, key, tagged));
  const real = bestByEvidence(judged.map(({ evidence }) => evidence));
  return judged.map(({ slice }, i) => ({ ...slice, flagged: real[i] === true }));
}

interface Judged {
  readonly slice: Omit<Slice, 'flagged'>;
  /** An e-value: 20 or more has a chance of 1 in 20 or less, at whatever look, where there is no gap. */
  readonly evidence: number;
}

function slicesOf(metric: MetricRule, key: string, tagged: readonly TaggedCount[]): Judged[] {
  const byValue = sumsByValue(key, tagged);
  return [...byValue]
    .flatMap(([value, counts]) => {
      const others = [...byValue].flatMap(([other, theirs]) => (other === value ? [] : theirs));
      const rest = metricEstimate(metric, others, 'corrected');
      const estimate = metricEstimate(metric, counts, 'corrected');
      return estimate && rest ? [judge(key, value, estimate, rest)] : [];
    })
    .sort((a, b) => b.slice.estimate.labels - a.slice.estimate.labels)
    .slice(0, MAX_VALUES)
    .sort((a, b) => a.slice.gap - b.slice.gap);
}

/** Alike outcomes with the same value of one tag summed, whatever their other tags: a handful instead of hundreds. */
function sumsByValue(key: string, tagged: readonly TaggedCount[]): Map<string, OutcomeCount[]> {
  const sums = new Map<string, Map<string, OutcomeCount>>();
  for (const { tags, ...outcome } of tagged) {
    const value = tags[key];
    if (value === undefined) continue;
    const ofValue = sums.get(value) ?? new Map<string, OutcomeCount>();
    sums.set(value, ofValue);
    const { truth, said, weight, propensity, keptShare, count } = outcome;
    const alike = `${truth} ${said} ${weight} ${propensity} ${keptShare}`;
    ofValue.set(alike, { ...outcome, count: count + (ofValue.get(alike)?.count ?? 0) });
  }
  return new Map([...sums].map(([value, ofValue]) => [value, [...ofValue.values()]]));
}

function judge(key: string, value: string, estimate: Estimate, rest: Estimate): Judged {
  const gap = estimate.value - rest.value;
  const variance = estimate.variance + rest.variance;
  const half = Z95 * Math.sqrt(variance);
  const tooFew = [estimate, rest].some(({ labels, bearing }) => labels < MIN_LABELS || bearing < MIN_BEARING);
  return {
    slice: {
      key,
      value,
      estimate,
      rest,
      gap,
      gapLow: Math.max(-1, gap - half),
      gapHigh: Math.min(1, gap + half),
      tooFew,
    },
    evidence: tooFew || gap >= 0 ? 0 : gapEvidence(gap, testVariance(estimate, rest), estimate.bearing),
  };
}

/** As if the slice did as well as the rest, where that is more: a few bad answers in a row also look sure of themselves. */
function testVariance(estimate: Estimate, rest: Estimate): number {
  const level = Math.min(0.98, Math.max(0.02, rest.value));
  return Math.max(estimate.variance, (level * (1 - level)) / estimate.size) + rest.variance;
}

/**
 * The likelihood of the gap where gaps are normal with sd EXPECTED_GAP, over its likelihood where there is none (Robbins'
 * normal mixture): as labels come in it stays below 1/a with a chance of 1 - a where there is no gap.
 */
function gapEvidence(gap: number, variance: number, freedom: number): number {
  const ratio = (EXPECTED_GAP * EXPECTED_GAP) / variance;
  const t2 = (gap * gap) / variance;
  // The normal point with about the same tail as Student's t at this freedom.
  const z2 = t2 / (1 + (t2 + 1) / (4 * freedom)) ** 2;
  return Math.exp((z2 / 2) * (ratio / (1 + ratio))) / Math.sqrt(1 + ratio);
}

/** Benjamini-Hochberg on e-values: the k largest, for the largest k of which each is at least n / (k a). */
function bestByEvidence(evidence: readonly number[]): boolean[] {
  const sorted = [...evidence].sort((a, b) => b - a);
  const needed = (k: number) => evidence.length / (k * FALSE_GAP_SHARE);
  let least = Number.POSITIVE_INFINITY;
  sorted.forEach((e, i) => {
    if (e >= needed(i + 1)) least = needed(i + 1);
  });
  return evidence.map((e) => e >= least);
}
