/** Whether one feature has drifted: PSI against a threshold that knows how much its window can say. Pure. */
import type { FeatureStatistics } from './feature-window.ts';
import { chanceThreshold, psi, sharesOf } from './psi.ts';

/** Chance of calling one window of an unchanged slot drifting, all features together. */
const FALSE_ALARM = 0.001;
/** A slow signal in a short window lies in few bins, whatever its long run looks like: with less than this, PSI says nothing. */
const MIN_EFFECTIVE_SAMPLES = 30;
/** For such signals: how far the window's mean lies from the baseline's, in baseline standard deviations. */
const SLOW_SHIFT = 3;

export interface DriftVerdict {
  readonly psi: number;
  readonly shares: number[];
  /** Over 1: drifting. */
  readonly excess: number;
}

/**
 * @param rows rows that the baseline was made from
 * @param fixed the configured PSI, a floor under the threshold of chance
 */
export function judgeDrift(
  statistics: FeatureStatistics,
  baseline: { readonly shares: readonly number[]; readonly rows: number },
  fixed: number,
  features: number,
): DriftVerdict {
  const shares = sharesOf(statistics.counts);
  const value = psi(baseline.shares, shares);
  const effective = effectiveSamples(statistics);
  const threshold = Math.max(
    fixed,
    chanceThreshold(effective, baseline.rows, baseline.shares.length, FALSE_ALARM / features),
  );
  const slow = effective < MIN_EFFECTIVE_SAMPLES;
  const excess = slow ? Math.abs(statistics.mean) / SLOW_SHIFT : value / threshold;
  return { psi: value, shares, excess: Number.isFinite(excess) ? excess : 0 };
}

/** How many independent samples a window of alike neighbours is worth: n (1 - r) / (1 + r), as for a first-order process. */
function effectiveSamples({ samples, autocorrelation }: FeatureStatistics): number {
  const r = Math.min(1, Math.max(0, autocorrelation));
  return Math.max(1, (samples * (1 - r)) / (1 + r));
}
