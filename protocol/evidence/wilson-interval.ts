/** Wilson's score interval of a proportion (1927), with Student's quantile where the variance rests on few units. */

/** 97.5 % point of the normal distribution: two-sided 95 %. */
export const Z95 = 1.959964;

/**
 * @param value 0..1
 * @param n sample size, may be broken
 * @param freedom units that the variance was estimated from
 * @returns the 95 % interval, within 0..1 and around `value`
 */
export function wilsonInterval(value: number, n: number, freedom: number): { low: number; high: number } {
  // Student's quantile by the first term of its Cornish-Fisher expansion.
  const z = Z95 + (Z95 ** 3 + Z95) / (4 * freedom);
  const z2 = z * z;
  const centre = (value + z2 / (2 * n)) / (1 + z2 / n);
  const half = (z / (1 + z2 / n)) * Math.sqrt((value * (1 - value)) / n + z2 / (4 * n * n));
  return {
    low: Math.max(0, Math.min(value, centre - half)),
    high: Math.min(1, Math.max(value, centre + half)),
  };
}
