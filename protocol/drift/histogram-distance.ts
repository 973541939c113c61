/** How far two histograms over the same bins lie apart. Pure. */

/** Half a count a bin, as the baseline profile was smoothed too: no bin is empty, so PSI stays finite. */
const SMOOTHING = 0.5;
/** Stands for a share of 0 in a baseline that was not smoothed. */
const LEAST_SHARE = 1e-6;

/** Shares of `counts`, smoothed; they sum to 1. */
export function sharesOf(counts: ArrayLike<number>): number[] {
  const values = Array.from(counts);
  const total = values.reduce((sum, count) => sum + count + SMOOTHING, 0);
  return values.map((count) => (count + SMOOTHING) / total);
}

/** Population Stability Index: sum of (q - p) ln(q / p) over the bins; 0 when equal, without an upper end. */
export function psi(baseline: readonly number[], current: readonly number[]): number {
  return baseline.reduce((sum, share, i) => {
    const p = Math.max(share, LEAST_SHARE);
    const q = Math.max(current[i] ?? 0, LEAST_SHARE);
    return sum + (q - p) * Math.log(q / p);
  }, 0);
}

/**
 * Jensen-Shannon distance, 0 when equal to 1 when no bin is shared: the root of the divergence in bits (Lin, 1991). For
 * small shifts the divergence is PSI / 8 nats, so it says the same as PSI on a scale that ends.
 */
export function jensenShannon(baseline: readonly number[], current: readonly number[]): number {
  const bits = baseline.reduce((sum, p, i) => {
    const q = current[i] ?? 0;
    const middle = (p + q) / 2;
    return sum + bitsTo(p, middle) / 2 + bitsTo(q, middle) / 2;
  }, 0);
  return Math.sqrt(Math.max(0, bits));
}

/** Kolmogorov and Smirnov's distance at the bins' edges, 0..1: at most that of the values, and no more than a bin's share less. */
export function kolmogorovSmirnov(baseline: readonly number[], current: readonly number[]): number {
  let gap = 0;
  let largest = 0;
  for (let i = 0; i < baseline.length; i++) {
    gap += (current[i] ?? 0) - (baseline[i] as number);
    largest = Math.max(largest, Math.abs(gap));
  }
  return largest;
}

function bitsTo(share: number, middle: number): number {
  return share > 0 ? share * Math.log2(share / middle) : 0;
}
