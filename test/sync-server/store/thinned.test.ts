/** What a full device thinned out: the server never waits for it, and whatever it counts, counts for what is gone. */
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import { metricEstimate } from '../../../protocol/evidence/metric-estimate.ts';
import type { Prediction } from '../../../protocol/records.ts';
import { evenedOut } from '../../../sync-server/rollouts/evened-out.ts';
import {
  CHALLENGER,
  CHAMPION,
  EPOCH,
  feedback,
  ingestOver,
  prediction,
  shadow,
  temporaryStore,
} from '../support.ts';

const SLOT = 'machine-failure';
const quarter = { keptShare: 0.25 };

/** Samples 1 (kept for certain) and 5, 9 (one of four each); 3 and 4, 7 and 8 went. */
function thinned(): Prediction[] {
  return [
    prediction(1, { label: 1 }),
    shadow(2, 1, { label: 0 }),
    prediction(5, quarter),
    shadow(6, 5, quarter),
    prediction(9, quarter),
    shadow(10, 9, quarter),
  ];
}

function received() {
  const store = temporaryStore();
  const server = ingestOver(store);
  server.send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, thinned()));
  server.send(
    'mill-1',
    'feedback',
    encodeBatch('feedback', EPOCH, [
      feedback(1, 1, { label: 0 }),
      feedback(2, 5),
      feedback(3, 9, { label: 1 }),
    ]),
  );
  return { store, ...server };
}

describe('a thinned batch', () => {
  it('is acknowledged to its end, with what went counted as dropped', () => {
    const { store, acks } = received();
    expect(acks.find(({ stream }) => stream === 'predictions')).toMatchObject({ seq: 10 });
    expect(store.cursors.ofEpoch('mill-1', EPOCH).predictions).toMatchObject({
      committedSeq: 10,
      dropped: 4,
    });
  });

  it('that comes again in other pieces brings only what is new, and each drop is counted once', () => {
    const { store, send } = received();
    const again = [...thinned().slice(2), prediction(13, quarter)];
    send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, again, 2));
    expect(store.cursors.ofEpoch('mill-1', EPOCH).predictions).toMatchObject({
      committedSeq: 13,
      dropped: 6,
    });
    expect(store.evidence.guardrails({ slot: SLOT, challenger: CHAMPION, sinceMs: 0 }).predictions).toBe(13);
  });

  it('counts predictions for what is gone', () => {
    const { store } = received();
    expect(store.evidence.guardrails({ slot: SLOT, challenger: CHALLENGER, sinceMs: 0 }).predictions).toBe(9);
  });

  it('weighs the metric, by tags and over time', () => {
    const { store } = received();
    const query = { slot: SLOT, sinceMs: 0 };
    const spans = store.outcomes.bySpan({ ...query, spanMs: 3_600_000 });
    for (const outcomes of [store.outcomes.byTags(query), spans]) {
      const ofChampion = outcomes.filter(({ model }) => model === CHAMPION);
      // Wrong for certain, right one of four, wrong one of four: (4) / (1 + 4 + 4).
      expect(metricEstimate({ name: 'accuracy' }, ofChampion, 'corrected')?.value).toBeCloseTo(4 / 9);
      expect(metricEstimate({ name: 'accuracy' }, ofChampion, 'naive')?.value).toBeCloseTo(4 / 9);
    }
  });

  it('weighs the evidence of a rollout, the fullest weight for what was kept most rarely', () => {
    const { store } = received();
    const query = { slot: SLOT, champion: CHAMPION, challenger: CHALLENGER, sinceMs: 0 };
    const pairs = store.evidence.pairs(query);
    expect(pairs.map(({ keptShare, count }) => [keptShare, count])).toEqual(
      expect.arrayContaining([
        [1, 1],
        [0.25, 1],
      ]),
    );
    expect(evenedOut(pairs).map(({ champion, weight }) => [champion, weight])).toEqual(
      expect.arrayContaining([
        [1, 0.25],
        [0, 1],
      ]),
    );
  });

  it('weighs the samples of a dataset', () => {
    const { store } = received();
    const query = { slot: SLOT, model: null, sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
    const { samples } = store.labelledSamples.page(query, null, 100);
    expect(samples.map(({ seq, keptShare }) => [seq, keptShare])).toEqual([
      [1, 1],
      [5, 0.25],
      [9, 0.25],
    ]);
  });
});
