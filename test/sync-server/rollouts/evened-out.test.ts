import { describe, expect, it } from 'vitest';
import { evenedOut } from '../../../sync-server/rollouts/evened-out.ts';
import type { SeenPairCount } from '../../../sync-server/rollouts/evidence-source.ts';

const seen = (changes: Partial<SeenPairCount>): SeenPairCount => ({
  truth: 0,
  champion: 0,
  challenger: 0,
  weight: 1,
  count: 10,
  propensity: 1,
  keptShare: 1,
  explored: false,
  ...changes,
});

describe('pairs seen by chance', () => {
  it('count as they are where every truth is seen', () => {
    const { propensity: _, explored: __, keptShare: ___, ...pair } = seen({ weight: 0.9 });
    expect(evenedOut([seen({ weight: 0.9 })])).toEqual([pair]);
    expect(evenedOut([])).toEqual([]);
  });

  it('stand for those whose truth was not seen, and never count more than their label is trusted', () => {
    const pairs = [
      seen({ weight: 0.8 }),
      seen({ champion: 1, propensity: 0.1, explored: true }),
      seen({ champion: 1, truth: 1, propensity: 0.1, explored: false, count: 3 }),
    ];
    const weights = evenedOut(pairs).map(({ weight }) => weight);
    expect(weights[0]).toBeCloseTo(0.08, 12);
    expect(weights.slice(1)).toEqual([1]);
  });
});
