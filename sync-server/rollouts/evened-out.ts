/** Lets pairs that were seen or kept more rarely than others stand for those that were not. Pure. */
import { countedPropensity } from '../../protocol/evidence/outcome-count.ts';
import type { PairCount, SeenPairCount } from './evidence-source.ts';

/**
 * Inverse propensity, scaled so that no weight exceeds the trust in its label: bets need values of [-1, 1]. Where every
 * truth is seen, nothing changes. What was seen only because the model rejected it stands for nothing and is left out.
 */
export function evenedOut(pairs: readonly SeenPairCount[]): PairCount[] {
  const seen = pairs.flatMap(({ propensity, explored, keptShare, ...pair }) => {
    const chance = countedPropensity({ propensity, explored }) * keptShare;
    return chance > 0 ? [{ pair, chance }] : [];
  });
  const rarest = Math.min(1, ...seen.map(({ chance }) => chance));
  return seen.map(({ pair, chance }) => ({ ...pair, weight: (pair.weight * rarest) / chance }));
}
