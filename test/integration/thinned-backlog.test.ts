/** Weeks without a network fill a device's store. Once it is back, the server knows of all that was made, from what was kept. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../agent/sources/random.ts';
import type { NewFeedback, NewPrediction } from '../../agent/store/records.ts';
import type { Store } from '../../agent/store/store.ts';
import { metricEstimate } from '../../protocol/evidence/metric-estimate.ts';
import { MODEL_A, MODEL_B, NOW_MS, newPrediction, openTempStore, record } from '../agent/store/temp-store.ts';
import { upload } from '../support/direct-upload.ts';
import { temporaryStore } from '../sync-server/support.ts';

const MADE = 30_000;
const MAX_BYTES = 2 * 1024 * 1024;
const SLOT = 'inspection';
const RIGHT = 0.9;

interface Part extends NewPrediction {
  readonly truth: number;
}

function partsOf(random: Random, count: number): Part[] {
  return Array.from({ length: count }, () => {
    const truth = random.uniform() < 0.1 ? 1 : 0;
    const label = random.uniform() < RIGHT ? truth : 1 - truth;
    const unsure = random.uniform() < (label === truth ? 0.02 : 0.2);
    const looksOn = random.uniform() < 0.98 ? label : 1 - label;
    const shadow = { model: MODEL_B, label: looksOn, score: 0.5, latencyUs: 9 };
    return { ...newPrediction({ label, unsure, shadow }), truth };
  });
}

/** The line tells of every part a while later; of some there is nothing left by then. */
async function tell(store: Store, parts: ReadonlyMap<number, Part>): Promise<void> {
  const feedback = [...parts].flatMap(([predictionSeq, { truth: label }]): NewFeedback[] =>
    store.predictions.bySeq(predictionSeq)
      ? [
          {
            ...{ timeMs: NOW_MS, predictionSeq, slot: SLOT, kind: 'implicit', label, weight: 1 },
            ...{ rule: 'gate', evidence: '' },
          },
        ]
      : [],
  );
  await store.recorder.feedback(feedback);
}

describe('a backlog that was thinned out', () => {
  it('tells the server of all predictions, their rates and their metric, and every one that went is counted', async () => {
    const random = new Random(11);
    const { store } = openTempStore({ maxBytes: MAX_BYTES });
    const truths: Part[] = [];
    let waiting = new Map<number, Part>();
    for (let made = 0; made < MADE; made += 500) {
      const parts = partsOf(random, 500);
      const stored = await record(store, parts);
      // Half are told of at once, half after the next thousand.
      if (made % 1000 === 0) await tell(store, waiting);
      else waiting = new Map();
      stored.forEach(({ seq }, i) => {
        waiting.set(seq, parts[i] as Part);
      });
      truths.push(...parts);
    }
    const server = temporaryStore();
    upload(store, server, 'predictions');
    upload(store, server, 'feedback');
    const head = store.streams.head('predictions');
    const cursors = server.cursors.ofEpoch('mill-1', store.epoch);
    const cursor = cursors.predictions;
    expect(cursor).toMatchObject({ committedSeq: head, dropped: store.thinnedOut() });
    expect(cursor.dropped + cursors.feedback.dropped).toBe(store.droppedUnacked());
    expect(cursor.dropped).toBeGreaterThan(head / 2);

    const since = { slot: SLOT, sinceMs: 0 };
    const { predictions } = server.evidence.guardrails({ ...since, challenger: MODEL_A });
    expect(Math.abs(predictions / MADE - 1)).toBeLessThan(0.05);
    const outcomes = server.outcomes.byTags(since).filter(({ model }) => model === MODEL_A);
    const estimate = metricEstimate({ name: 'accuracy' }, outcomes, 'corrected');
    const sd = Math.sqrt(estimate?.variance ?? 0);
    const right = truths.filter(({ label, truth }) => label === truth).length / MADE;
    expect(Math.abs((estimate?.value ?? 0) - right)).toBeLessThan(5 * sd);
    expect(sd).toBeLessThan(0.02);
  }, 120_000);
});
