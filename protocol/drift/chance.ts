/** What chance alone does: quantiles behind the thresholds of drift. Pure. */

/** Quantile of the chi-squared distribution, by Wilson and Hilferty's cube (1931); within 2 % for tails down to 1e-6. */
export function chiSquaredQuantile(p: number, degrees: number): number {
  const a = 2 / (9 * degrees);
  return degrees * Math.max(0, 1 - a + normalQuantile(p) * Math.sqrt(a)) ** 3;
}

/** Quantile of the standard normal distribution: Abramowitz and Stegun 26.2.23, absolute error below 4.5e-4. */
export function normalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(Math.min(p, 1 - p)));
  const numerator = 2.515517 + t * (0.802853 + t * 0.010328);
  const denominator = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  const z = t - numerator / denominator;
  return p < 0.5 ? -z : z;
}

/**
 * Without drift PSI is about (1/n + 1/m) chi-squared with bins - 1 degrees of freedom (Yurdakul, 2018), so that a fixed
 * threshold cries wolf on small windows. @returns the value that PSI passes by chance with probability `alpha`
 */
export function psiByChance(samples: number, baselineRows: number, bins: number, alpha: number): number {
  if (bins < 2) return Number.POSITIVE_INFINITY;
  return (1 / samples + 1 / baselineRows) * chiSquaredQuantile(1 - alpha, bins - 1);
}

/**
 * The distance that Kolmogorov and Smirnov's statistic passes by chance with probability `alpha` at most: the first term
 * of its limit, sqrt(ln(2 / alpha) / 2 * (1/n + 1/m)). On bins the statistic is smaller, so the rate is lower.
 */
export function ksByChance(samples: number, baselineRows: number, alpha: number): number {
  return Math.sqrt((Math.log(2 / alpha) / 2) * (1 / samples + 1 / baselineRows));
}
