/** Whether one feature has drifted: distances against thresholds that know how much its window can say. Pure. */
import { ksByChance, normalQuantile, psiByChance } from './chance.ts';
import { effectiveSamples, type FeatureStatistics } from './feature-statistics.ts';
import { jensenShannon, kolmogorovSmirnov, psi, sharesOf } from './histogram-distance.ts';

/** Chance that one judgement of an unchanged slot calls anything drifting, all its features and tests together. */
export const FALSE_ALARM = 1e-4;
/** PSI and KS share the chance of a false alarm. */
const TESTS = 2;
/** From here on KS matters: a shift by half a standard deviation, as PSI 0.25 is one. */
const KS_FLOOR = 0.2;
/** A slow signal in a short window lies in few bins, whatever its long run looks like: with less than this, bins say nothing. */
const MIN_EFFECTIVE_SAMPLES = 30;
/** For such signals: how far the window's mean must at least lie from the baseline's, in baseline standard deviations. */
const SLOW_FLOOR = 2;

export interface Reference {
  readonly shares: readonly number[];
  /** Rows that the baseline was made from. */
  readonly rows: number;
  /** Its bins have no order: KS says nothing. */
  readonly categorical: boolean;
}

export interface DriftVerdict {
  readonly psi: number;
  readonly jensenShannon: number;
  /** Null for categories. */
  readonly ks: number | null;
  readonly shares: number[];
  /** Over 1: drifting. */
  readonly excess: number;
}

/**
 * @param psiFloor the configured PSI, a floor under the threshold of chance
 * @param features that are judged together: each gets its part of the chance of a false alarm (Bonferroni)
 */
export function judgeDrift(
  statistics: FeatureStatistics,
  { shares: baseline, rows, categorical }: Reference,
  psiFloor: number,
  features: number,
): DriftVerdict {
  const shares = sharesOf(statistics.counts);
  const value = psi(baseline, shares);
  const ks = categorical ? null : kolmogorovSmirnov(baseline, shares);
  const effective = effectiveSamples(statistics);
  const alpha = FALSE_ALARM / features / TESTS;
  const psiExcess = value / Math.max(psiFloor, psiByChance(effective, rows, baseline.length, alpha));
  const ksExcess = (ks ?? 0) / Math.max(KS_FLOOR, ksByChance(effective, rows, alpha));
  const slowExcess =
    Math.abs(statistics.mean) / Math.max(SLOW_FLOOR, normalQuantile(1 - alpha / 2) / Math.sqrt(effective));
  const excess = effective < MIN_EFFECTIVE_SAMPLES ? slowExcess : Math.max(psiExcess, ksExcess);
  return {
    psi: value,
    jensenShannon: jensenShannon(baseline, shares),
    ks,
    shares,
    excess: Number.isFinite(excess) ? excess : 0,
  };
}
