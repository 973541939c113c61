import { expect, it } from 'vitest';
import { watchedInputs, watchedLabels } from '../../../agent/monitor/watched-features.ts';
import type { Manifest } from '../../../protocol/manifest.ts';

const feature = (name: string) => ({ name, unit: '' });
const profile = (name: string) => ({ name, mean: 0, std: 1, edges: [0], shares: [0.5, 0.5] });
const baseline = {
  rows: 100,
  features: ['a', 'b', 'c'].map(profile),
  correlations: [0.1, 0.2, 0.3],
  labelShares: [0.75, 0.25, 0],
};

function manifestOf(names: string[]): Manifest {
  const input = { kind: 'features', tensor: 'x', features: names.map(feature) };
  return { input } as unknown as Manifest;
}

it('puts the baseline into the order of the model’s inputs, pairs too', () => {
  const watched = watchedInputs(manifestOf(['c', 'a', 'new', 'b']), baseline);
  expect(watched.features.map(({ name, shares }) => [name, shares.length])).toEqual([
    ['c', 2],
    ['a', 2],
    ['new', 1],
    ['b', 2],
  ]);
  expect(watched.correlations).toEqual([0.2, Number.NaN, 0.3, Number.NaN, 0.1, Number.NaN]);
});

it('watches no pairs where the package knows no correlations', () => {
  const { correlations, ...older } = baseline;
  expect(correlations).toHaveLength(3);
  expect(watchedInputs(manifestOf(['a', 'b']), older).correlations).toEqual([]);
});

it('gives a label that training never saw a share, so that it can be told by chance', () => {
  const [labels] = watchedLabels(baseline).features;
  expect(labels).toMatchObject({ categorical: true, edges: [0.5, 1.5] });
  expect(labels?.shares[2]).toBeCloseTo(0.5 / 101.5, 9);
  expect(labels?.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
});
