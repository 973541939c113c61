import { describe, expect, it } from 'vitest';
import type { ActiveModel, SlotModels } from '../../../agent/models/active-models.ts';
import { InferenceFigures } from '../../../agent/monitor/inference-figures.ts';
import { LaneFigures } from '../../../agent/pipeline/lane-figures.ts';
import { type Item, itemsOf } from '../../../agent/pipeline/lane-item.ts';
import { LaneRequest } from '../../../agent/pipeline/lane-request.ts';

const model = (version: number) =>
  ({ manifestSha256: `sha-${version}`, manifest: { name: 'tiny', version } }) as ActiveModel;
const champion = model(1);
const challenger = model(2);
const models: SlotModels = { champion, challenger: { model: challenger, share: 0.5, rolloutId: 'r' } };

function requestOf(rows: number, number: number): Item[] {
  const ask = { rows, data: new Float32Array(rows) };
  return itemsOf(new LaneRequest(ask, 100, number), ask, { timeMs: 0, acceptedUs: 100, number });
}

const sample: Item = {
  sample: { source: 'line', timeMs: 0, correlationId: null, features: {} },
  acceptedUs: 90,
  number: 9,
  request: null,
};

describe('the figures of a lane', () => {
  it('count a caller’s request once whatever its rows, for the model that decided it', () => {
    const figures = new InferenceFigures({ wallMs: () => 1 });
    const lane = new LaneFigures('press', figures);
    const items = [...requestOf(3, 1), ...requestOf(2, 4), sample];
    const roles = ['champion', 'champion', 'champion', 'canary', 'canary', 'champion'] as const;
    const outcomes = roles.map((role) => ({ role, latencyUs: 500 }));
    lane.executed(champion, 6, { items, inputUs: 5, computeUs: 50, cachedRows: 0 });
    lane.executed(challenger, 6, { items, inputUs: 0, computeUs: 40, cachedRows: 0 });
    lane.decided(models, { items, outcomes, takenUs: 130, outputUs: 2 });
    expect(figures.all()).toMatchObject([
      {
        version: 1,
        success: { count: 2 },
        queue: { count: 2, ns: 70_000 },
        computeInfer: { count: 3 },
        inferenceCount: 6,
      },
      {
        version: 2,
        success: { count: 1 },
        queue: { count: 1, ns: 30_000 },
        computeInfer: { count: 3 },
        inferenceCount: 6,
      },
    ]);
  });

  it('count no run where the cache had all rows, and the rest of a batch of which it had some', () => {
    const figures = new InferenceFigures({ wallMs: () => 1 });
    const lane = new LaneFigures('press', figures);
    const ran = { items: [sample, sample, sample], inputUs: 0, computeUs: 0 };
    lane.executed(champion, 3, { ...ran, cachedRows: 3 });
    expect(figures.all()).toEqual([]);
    lane.executed(champion, 3, { ...ran, cachedRows: 2 });
    expect(figures.all()).toMatchObject([
      { executionCount: 1, inferenceCount: 1, computeInfer: { count: 1 } },
    ]);
  });
});
