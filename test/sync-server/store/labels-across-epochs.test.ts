/** A database that goes on from another speaks of predictions that came under the other's name. */
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import type { Feedback, Prediction, Stream } from '../../../protocol/records.ts';
import { topics } from '../../../protocol/topics.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import {
  birth,
  CHALLENGER,
  CHAMPION,
  EPOCH,
  feedback,
  ingestOver,
  prediction,
  shadow,
  temporaryStore,
} from '../support.ts';

const HEIR = '1111111111111111';
const SLOT = 'machine-failure';

/** Five samples seen by two models: predictions 1, 3, 5, 7, 9, each with its shadow. One label of the first is known. */
function serverOfFive() {
  const store = temporaryStore();
  const { ingest, receive, send } = ingestOver(store);
  const predictions = [1, 3, 5, 7, 9].flatMap((seq) => [prediction(seq), shadow(seq + 1, seq)]);
  receive(topics.birth('mill-1'), birth('mill-1'));
  send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, predictions));
  send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, [feedback(1, 1)]));
  const heads: Record<Stream, number> = { predictions: 6, feedback: 1, metrics: 0, events: 0 };
  const inherits = [{ storeEpoch: EPOCH, heads }];
  receive(topics.birth('mill-1'), JSON.stringify({ ...JSON.parse(birth('mill-1', HEIR)), inherits }));
  ingest.flush();
  const say = (epoch: string, ...records: Feedback[]) =>
    send('mill-1', 'feedback', encodeBatch('feedback', epoch, records));
  const predict = (...records: Prediction[]) =>
    send('mill-1', 'predictions', encodeBatch('predictions', HEIR, records));
  return { store, say, predict };
}

function labelled(store: ServerStore) {
  const query = { slot: SLOT, model: null, sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
  return store.labelledSamples
    .page(query, null, 100)
    .samples.map(({ storeEpoch, seq, label, rule, evidence }) => ({
      storeEpoch,
      seq,
      label,
      rule,
      evidence,
    }));
}

describe('labels across a restore', () => {
  it('find the predictions that came before it', () => {
    const { store, say } = serverOfFive();
    say(HEIR, feedback(2, 3, { label: 1, rule: 'failed', evidence: 'after the restore' }));
    expect(labelled(store)).toMatchObject([
      { storeEpoch: EPOCH, seq: 1, label: 0, rule: 'no-failure' },
      { storeEpoch: EPOCH, seq: 3, label: 1, rule: 'failed', evidence: 'after the restore' },
    ]);
    expect(
      store.evidence.pairs({ slot: SLOT, champion: CHAMPION, challenger: CHALLENGER, sinceMs: 0 }),
    ).toMatchObject([
      { truth: 0, count: 1 },
      { truth: 1, count: 1 },
    ]);
    const counted = store.outcomes.byTags({ slot: SLOT, sinceMs: 0 });
    expect(counted.reduce((sum, { count }) => sum + count, 0)).toBe(4);
  });

  it('are of its own predictions where it has given the numbers out anew', () => {
    const { store, say, predict } = serverOfFive();
    predict(prediction(7, { label: 1 }), prediction(8));
    say(HEIR, feedback(2, 7, { label: 1 }));
    // What the old database said last comes late: of its own prediction 7, which the copy did not have.
    say(EPOCH, feedback(2, 7, { label: 0 }));
    expect(labelled(store).filter(({ seq }) => seq === 7)).toMatchObject([
      { storeEpoch: EPOCH, label: 0 },
      { storeEpoch: HEIR, label: 1 },
    ]);
  });

  it('weigh all that was said of a prediction, by whichever of the two', () => {
    const { store, say } = serverOfFive();
    say(EPOCH, feedback(2, 3, { label: 1, kind: 'explicit', rule: 'operator', precedence: 1000 }));
    say(HEIR, feedback(2, 3, { label: 0, rule: 'no-failure', evidence: 'nothing happened' }));
    expect(labelled(store)[1]).toMatchObject({ seq: 3, label: 1, rule: 'operator' });
    const timeMs = 1_800_000_000_000;
    say(HEIR, feedback(3, 3, { timeMs, label: 0, kind: 'explicit', rule: 'operator', precedence: 1000 }));
    expect(labelled(store)[1]).toMatchObject({ seq: 3, label: 0, rule: 'operator' });
    say(EPOCH, feedback(3, 5));
    expect(labelled(store)).toHaveLength(3);
  });
});
