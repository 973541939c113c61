/** A model's metric in words: how sure it is, what that means, what to do. */
import {
  bestEstimate,
  labelsToTell,
  type MetricReport,
  type ShownEstimate,
  type ShownSlice,
} from '../protocol/evidence/metric-report.ts';
import { formatCount, formatCounted, formatRatio, formatShare } from './format.ts';
import type { PageState } from './page-state.ts';

export interface Verdict {
  readonly state: PageState;
  readonly word: string;
  readonly sentence: string;
  /** What to do; null when nothing need be done. */
  readonly next: string | null;
}

/** Below this, pages say that the number is only a first hint. */
const FEW_LABELS = 30;

export function metricVerdict(report: MetricReport): Verdict {
  const { offline, baseline } = report;
  const estimate = bestEstimate(report);
  if (!estimate) {
    return {
      state: 'info',
      word: 'No labels to judge by',
      sentence: 'Nobody has yet told what really happened, or no fault was among it.',
      next: 'Labels come from the line’s events and from answers to the predictions.',
    };
  }
  if (estimate.high < baseline.value) {
    return {
      state: 'warning',
      word: `Worse than ${baseline.name}`,
      sentence: `Even ${formatRatio(estimate.high)} would be less than its ${formatRatio(baseline.value)}.`,
      next: 'Look at what it got wrong, check drifting inputs, and tell the people who made the model.',
    };
  }
  if (estimate.high < offline) {
    return {
      state: 'warning',
      word: 'Below its promise',
      sentence: `Even ${formatRatio(estimate.high)} would be less than the ${formatRatio(offline)} it had before release.`,
      next: 'Look for drifting inputs and for slices that do worse; a model trained on what happened here may help.',
    };
  }
  if (estimate.low > baseline.value) {
    return {
      state: 'ok',
      word: `Better than ${baseline.name}`,
      sentence:
        estimate.low > offline
          ? `And better than its promise of ${formatRatio(offline)}.`
          : `Its promise of ${formatRatio(offline)} is within reach.`,
      next: null,
    };
  }
  return {
    state: 'info',
    word: 'Not clear yet',
    sentence: `It may be better or worse than ${baseline.name} (${formatRatio(baseline.value)}).`,
    next: moreLabels(labelsToTell(estimate, baseline.value)),
  };
}

/** `From 412 labels: between 0.812 and 0.861, 19 times in 20.` */
export function sureWords(estimate: ShownEstimate): string {
  const { low, high, labels, effectiveLabels } = estimate;
  const from =
    effectiveLabels < 0.9 * labels
      ? `${formatCounted(labels, 'label')}, worth ${formatCount(Math.round(effectiveLabels))} equal ones`
      : formatCounted(labels, 'label');
  const hint = labels < FEW_LABELS ? ' A first hint only.' : '';
  return `Between ${formatRatio(low)} and ${formatRatio(high)} with ${formatShare(0.95)} certainty, from ${from}.${hint}`;
}

/** Why there are two numbers. */
export function correctionWords({
  naive,
  corrected,
}: Pick<MetricReport, 'naive' | 'corrected'>): string | null {
  if (!corrected || !naive) return null;
  const { value } = naive;
  const off = Math.abs(value - corrected.value);
  const side = value > corrected.value ? 'better' : 'worse';
  const by = off < 0.0005 ? 'says the same' : `looks ${formatRatio(off)} ${side}`;
  return `Counted as the labels came it ${by} (${formatRatio(value)}): parts that the model rejects are seldom inspected. Here each inspected one stands for those that were not.`;
}

/** `0.181 less than the rest (0.102 to 0.260 less)` */
export function gapWords({ gap, gapLow, gapHigh }: ShownSlice): string {
  const size = formatRatio(Math.abs(gap));
  if (gapHigh < 0) return `${size} less than the rest (${formatRatio(-gapHigh)} to ${formatRatio(-gapLow)})`;
  if (gapLow > 0) return `${size} more than the rest (${formatRatio(gapLow)} to ${formatRatio(gapHigh)})`;
  return 'as the rest, as far as one can tell';
}

/** Slices by which people are told apart: there a gap may also come from how they label. */
const PEOPLE = new Set(['operator', 'shift', 'team', 'crew', 'inspector']);

export function isAboutPeople({ key }: Pick<ShownSlice, 'key'>): boolean {
  return PEOPLE.has(key);
}

/** What to do about slices that do worse; null when none does. */
export function sliceAdvice(slices: readonly ShownSlice[]): string | null {
  const worse = slices.filter(({ call }) => call === 'worse');
  if (worse.length === 0) return null;
  return worse.some(isAboutPeople)
    ? 'The model may do worse there, or people may judge parts by other rules: let two of them answer on the same parts, and compare.'
    : 'Look at what differs there, and bring such parts into the next training.';
}

function moreLabels(more: number | null): string {
  return more === null
    ? 'No number of labels in reach would tell.'
    : `About ${formatCounted(more, 'more label', 'more labels')} would tell.`;
}
