/** A bet against "no difference": how much money it makes is how much evidence there is, at any time one looks. */

/** Bets from timid (finds small differences, late) to bold (finds large ones, soon). Fixed: never chosen by the data. */
const BETS = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 15 / 16] as const;

export interface Difference {
  /** In [-1, 1]. */
  readonly value: number;
  readonly count: number;
}

/**
 * ln E of the betting e-process E = mean over bets of Π(1 + bet · value).
 *
 * While the expected value of each new difference, given the past, is <= 0, E is a non-negative supermartingale that
 * starts at 1; so the chance that it ever reaches 1/alpha is <= alpha, however often one looks and whenever one stops
 * (Ville 1939). Bets: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024;
 * reading money as evidence: Shafer, "Testing by betting", JRSS-A 2021. The product does not depend on the order of the
 * differences, because the bets are fixed; so counts of equal differences are enough.
 */
export function logEvidence(differences: readonly Difference[]): number {
  const logs = BETS.map((bet) =>
    differences.reduce((sum, { value, count }) => sum + count * Math.log1p(bet * value), 0),
  );
  const largest = Math.max(...logs);
  const mean = logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / logs.length;
  return largest + Math.log(mean);
}
