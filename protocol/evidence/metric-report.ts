/** What a page tells of one model's metric: beside what was promised, how sure it is, and in which slices it does worse. Pure. */
import type { Metric } from '../manifest.ts';
import { type Estimate, metricEstimate } from './metric-estimate.ts';
import { isSelective, labelCount, type TaggedCount } from './outcome-count.ts';
import { type Slice, sliceGaps } from './slice-gaps.ts';

export type ShownEstimate = Pick<Estimate, 'value' | 'low' | 'high' | 'labels' | 'effectiveLabels'>;

export interface ShownSlice extends Pick<Slice, 'key' | 'value' | 'gap' | 'gapLow' | 'gapHigh'> {
  readonly estimate: ShownEstimate;
  /** `worse`: no chance, with all slices looked at together. `too-few`: labels for no call either way. */
  readonly call: 'worse' | 'none' | 'too-few';
}

export interface MetricReport {
  readonly name: Metric['name'];
  readonly offline: number;
  readonly baseline: Metric['baseline'];
  /** Labelled predictions, of whatever weight. */
  readonly labels: number;
  /** From the labels as they came. Null without labels, or where they leave the metric undefined (no positives). */
  readonly naive: ShownEstimate | null;
  /** Each label standing for those that were not seen. Null where all truths are as likely to be seen: then naive is right. */
  readonly corrected: ShownEstimate | null;
  readonly slices: readonly ShownSlice[];
}

/** @param metric of the model's manifest */
export function metricReport(metric: Metric, outcomes: readonly TaggedCount[]): MetricReport {
  const { name, offline, baseline } = metric;
  return {
    name,
    offline,
    baseline,
    labels: labelCount(outcomes),
    naive: shown(metricEstimate(metric, outcomes, 'naive')),
    corrected: isSelective(outcomes) ? shown(metricEstimate(metric, outcomes, 'corrected')) : null,
    slices: sliceGaps(metric, outcomes).map(shownSlice),
  };
}

/** The one to go by. */
export function bestEstimate(report: Pick<MetricReport, 'corrected' | 'naive'> | null): ShownEstimate | null {
  return report?.corrected ?? report?.naive ?? null;
}

/**
 * How many more labels like these would put `against` outside the interval, were the metric what it seems now: its width
 * goes with the square root of their number.
 * @returns 0 when it is outside already; null when that would take more than a million
 */
export function labelsToTell({ value, low, high, labels }: ShownEstimate, against: number): number | null {
  if (against < low || against > high) return 0;
  const needed = labels * ((high - low) / 2 / Math.abs(value - against)) ** 2;
  return needed - labels < 1e6 ? Math.max(1, Math.ceil(needed - labels)) : null;
}

export function shown(estimate: Estimate | null): ShownEstimate | null {
  if (!estimate) return null;
  const { value, low, high, labels, effectiveLabels } = estimate;
  return { value, low, high, labels, effectiveLabels };
}

function shownSlice(slice: Slice): ShownSlice {
  const { key, value, gap, gapLow, gapHigh, estimate, flagged, tooFew } = slice;
  return {
    key,
    value,
    gap,
    gapLow,
    gapHigh,
    estimate: shown(estimate) as ShownEstimate,
    call: flagged ? 'worse' : tooFew ? 'too-few' : 'none',
  };
}
