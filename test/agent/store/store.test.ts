import { describe, expect, it } from 'vitest';
import { INPUT_HEALTH, predictionSchema } from '../../../protocol/records.ts';
import {
  closeStore,
  MODEL_B,
  NOW_MS,
  newPrediction,
  openTempStore,
  record,
  tempFolder,
} from './temp-store.ts';

describe('recording', () => {
  it('numbers each stream from 1 without a gap, a shadow right behind its deciding prediction', async () => {
    const { store } = openTempStore();
    const shadow = { model: MODEL_B, label: 1, score: 0.75, latencyUs: 30 };
    const batches = await Promise.all([
      record(store, [newPrediction({ shadow }), newPrediction()]),
      record(store, [newPrediction({ slot: 'milling', role: 'canary' })]),
    ]);
    expect(batches.flat().map(({ seq }) => seq)).toEqual([1, 3, 4]);
    const { records } = store.streams.read('predictions', 0, 10);
    expect(records.map(({ seq, role, pairOf }) => [seq, role, pairOf])).toEqual([
      [1, 'champion', 0],
      [2, 'shadow', 1],
      [3, 'champion', 0],
      [4, 'canary', 0],
    ]);
    expect(records[1]).toMatchObject({
      model: MODEL_B,
      label: 1,
      score: 0.75,
      latencyUs: 30,
      features: null,
    });
  });

  it('gives back what was handed over, as the wire wants it', async () => {
    const { store } = openTempStore();
    const features = Float32Array.of(1.5, -2, 0.1);
    const health = INPUT_HEALTH.stale | INPUT_HEALTH.drifting;
    await record(store, [
      newPrediction({ features, health, correlationId: 'L1', label: 6, latencyUs: 12.7 }),
    ]);
    const [prediction] = store.streams.read('predictions', 0, 10).records;
    expect(predictionSchema.parse(prediction)).toEqual(prediction);
    expect(prediction).toMatchObject({
      run: store.run,
      timeMs: NOW_MS,
      correlationId: 'L1',
      label: 6,
      health,
    });
    expect(prediction?.features).toEqual([...features]);
    expect(prediction?.latencyUs).toBe(13);
  });

  it('commits the place in a source together with the predictions', async () => {
    const { store } = openTempStore();
    expect(store.predictions.position('inspection', 'line')).toBe(0);
    await record(store, [newPrediction()], 17);
    await record(store, [newPrediction()], null);
    expect(store.predictions.position('inspection', 'line')).toBe(17);
    await record(store, [], 19);
    expect(store.predictions.position('inspection', 'line')).toBe(19);
  });

  it('keeps feedback, metrics and events as they were', async () => {
    const { store } = openTempStore();
    await record(store, [newPrediction()]);
    const feedback = {
      timeMs: NOW_MS,
      predictionSeq: 1,
      slot: 'inspection',
      kind: 'explicit' as const,
      label: 1,
      weight: 0.5,
      rule: 'operator',
      evidence: 'an operator said defect',
      precedence: 1000,
      withdrawn: false,
      observedMs: NOW_MS - 1,
    };
    const metric = { timeMs: NOW_MS, name: 'rate', slot: null, value: 1.25 };
    const event = {
      timeMs: NOW_MS,
      kind: 'drift',
      severity: 'warning' as const,
      slot: 'inspection',
      message: 'it drifts',
      data: { psi: 0.3, feature: 'torque', on: true, why: null },
    };
    await store.recorder.feedback([feedback]);
    await store.recorder.metrics([metric, metric]);
    await store.recorder.events([event]);
    expect(store.streams.read('feedback', 0, 9).records).toEqual([{ seq: 1, ...feedback }]);
    expect(store.streams.read('metrics', 0, 9).records).toEqual([
      { seq: 1, ...metric },
      { seq: 2, ...metric },
    ]);
    expect(store.streams.read('events', 0, 9).records).toEqual([{ seq: 1, ...event }]);
  });

  it('rejects a write that cannot be, and records its neighbours of the same commit', async () => {
    const { store, counters } = openTempStore();
    const outcomes = await Promise.allSettled([
      record(store, [newPrediction()]),
      record(store, [
        newPrediction({ model: MODEL_B }),
        newPrediction({ score: Number.NaN, model: MODEL_B }),
      ]),
      record(store, [newPrediction({ model: MODEL_B })]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(counters.get('STORE_UNWRITABLE')).toBe(2);
    const { records } = store.streams.read('predictions', 0, 10);
    expect(records.map(({ seq, model }) => [seq, model[0]])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
  });
});

describe('a restart', () => {
  it('goes on with the same epoch, a new run, and the next seq', async () => {
    const folder = tempFolder();
    const first = openTempStore({ folder });
    await record(first.store, [newPrediction(), newPrediction()], 2);
    first.store.streams.ack('predictions', 1);
    first.store.states.set('desired/1', { generation: 4 });
    await closeStore(first.store);

    const { store } = openTempStore({ folder });
    expect(store.epoch).toBe(first.store.epoch);
    expect(store.run).not.toBe(first.store.run);
    expect(store.streams.acked('predictions')).toBe(1);
    expect(store.states.get('desired/1')).toEqual({ generation: 4 });
    expect(store.predictions.position('inspection', 'line')).toBe(2);
    const [next] = await record(store, [newPrediction()]);
    expect(next?.id).toBe(`${store.run}-3`);
    expect(store.predictions.bySeq(2)?.run).toBe(first.store.run);
  });

  it('records what was handed over before close was called', async () => {
    const folder = tempFolder();
    const { store } = openTempStore({ folder, commitWithinMs: 1000 });
    const recorded = record(store, [newPrediction()]);
    await closeStore(store);
    await expect(recorded).resolves.toHaveLength(1);
    await expect(record(store, [newPrediction()])).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    expect(openTempStore({ folder }).store.streams.head('predictions')).toBe(1);
  });
});

describe('the cursor of a stream', () => {
  it('moves forward only, and never past the head', async () => {
    const { store } = openTempStore();
    await record(store, [newPrediction(), newPrediction(), newPrediction()]);
    store.streams.ack('predictions', 2);
    store.streams.ack('predictions', 1);
    expect(store.streams.acked('predictions')).toBe(2);
    store.streams.ack('predictions', 99);
    expect(store.streams.acked('predictions')).toBe(3);
    expect(store.streams.acked('events')).toBe(0);
  });

  it('shows a record to the uploader only when it is durable', async () => {
    const { store } = openTempStore({ commitWithinMs: 0 });
    let recorded = false;
    const promise = record(store, [newPrediction()]).then(() => {
      recorded = true;
    });
    while (!recorded) {
      expect(store.streams.head('predictions')).toBe(0);
      expect(store.streams.read('predictions', 0, 1).records).toEqual([]);
      await new Promise(setImmediate);
    }
    await promise;
    expect(store.streams.head('predictions')).toBe(1);
  });
});

describe('small states', () => {
  it('are set, replaced, listed by prefix and deleted', () => {
    const { store } = openTempStore();
    store.states.set('slot/a', 1);
    store.states.set('slot/a', { deep: [null, 'x'] });
    store.states.set('slot/b%', null);
    store.states.set('other', 2);
    expect(store.states.keys('slot/')).toEqual(['slot/a', 'slot/b%']);
    expect(store.states.keys('')).toHaveLength(3);
    expect(store.states.get('slot/a')).toEqual({ deep: [null, 'x'] });
    store.states.delete('slot/a');
    expect(store.states.get('slot/a')).toBeUndefined();
  });
});
