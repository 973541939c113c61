/** The Population Stability Index and the threshold from which it says more than chance does. Pure. */

/** Half a count a bin, as the baseline profile was smoothed too: no bin is empty, so PSI stays finite. */
const SMOOTHING = 0.5;

/** Shares of `counts`, smoothed; they sum to 1. */
export function sharesOf(counts: ArrayLike<number>): number[] {
  const values = Array.from(counts);
  const total = values.reduce((sum, count) => sum + count + SMOOTHING, 0);
  return values.map((count) => (count + SMOOTHING) / total);
}

/** Sum of (q - p) ln(q / p) over the bins; 0 when equal. Shares of 0 in the baseline are taken as 1e-6. */
export function psi(baseline: readonly number[], current: readonly number[]): number {
  return baseline.reduce((sum, share, i) => {
    const p = Math.max(share, 1e-6);
    const q = Math.max(current[i] ?? 0, 1e-6);
    return sum + (q - p) * Math.log(q / p);
  }, 0);
}

/**
 * Without drift PSI is about (1/n + 1/m) chi-squared with bins - 1 degrees of freedom (Yurdakul, 2018), so that a fixed
 * threshold cries wolf on small windows. @returns the value that PSI passes by chance with probability `alpha`
 */
export function chanceThreshold(samples: number, baselineRows: number, bins: number, alpha: number): number {
  if (bins < 2) return Number.POSITIVE_INFINITY;
  return (1 / samples + 1 / baselineRows) * chiSquaredQuantile(1 - alpha, bins - 1);
}

/** Quantile of the chi-squared distribution, by Wilson and Hilferty's cube (1931); within 2 % for tails down to 1e-6. */
export function chiSquaredQuantile(p: number, degrees: number): number {
  const a = 2 / (9 * degrees);
  return degrees * Math.max(0, 1 - a + normalQuantile(p) * Math.sqrt(a)) ** 3;
}

/** Quantile of the standard normal distribution: Abramowitz and Stegun 26.2.23, absolute error below 4.5e-4. */
function normalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(Math.min(p, 1 - p)));
  const numerator = 2.515517 + t * (0.802853 + t * 0.010328);
  const denominator = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  const z = t - numerator / denominator;
  return p < 0.5 ? -z : z;
}
