import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Store } from '../../../agent/store/store.ts';
import { waitFor } from '../../support/wait-for.ts';
import {
  closeStore,
  NOW_MS,
  newPrediction,
  openTempStore,
  record,
  TestClock,
  tempFolder,
} from './temp-store.ts';

const MIB = 1024 * 1024;

/** @returns the largest size that the store ever said it had */
async function fill(store: Store, predictions: number): Promise<number> {
  let largest = 0;
  for (let made = 0; made < predictions; made += 256) {
    const rows = Array.from({ length: 256 }, (_, i) =>
      newPrediction({ correlationId: `L${made + i}`, features: new Float32Array(16) }),
    );
    await record(store, rows, made + 256);
    largest = Math.max(largest, store.sizeBytes());
  }
  return largest;
}

function part(correlationId: string) {
  return { correlationId, station: null };
}

describe('retention', () => {
  it('keeps the files under the cap, thins predictions out, and counts and tells every record that the server never had', async () => {
    const folder = tempFolder();
    const { store, counters } = openTempStore({ folder, maxBytes: 4 * MIB });
    const largest = await fill(store, 60_000);
    expect(largest).toBeLessThanOrEqual(4 * MIB);
    await waitFor('the last drop is told', () => {
      return counters.get('store.dropped-predictions') === store.droppedUnacked();
    });
    const head = store.streams.head('predictions');
    const { records } = store.streams.read('predictions', 0, 100_000);
    expect(records.at(-1)?.seq).toBe(head);
    expect(records.length).toBeGreaterThan(5000);
    const dropped = store.droppedUnacked();
    expect(dropped + records.length).toBe(head);
    expect(store.thinnedOut()).toBe(dropped);
    const standFor = records.reduce((sum, { keptShare }) => sum + 1 / keptShare, 0);
    expect(Math.abs(standFor - head) / head).toBeLessThan(0.1);

    await store.recorder.events([]);
    const events = store.streams
      .read('events', 0, 1000)
      .records.filter(({ kind }) => kind === 'records-dropped');
    expect(events.reduce((sum, { data }) => sum + Number(data.count), 0)).toBe(dropped);
    expect(events[0]?.data).toMatchObject({ stream: 'predictions', fromSeq: 1, thinned: true });
    const onDisk = statSync(join(folder, 'store.db')).size + statSync(join(folder, 'store.db-wal')).size;
    expect(store.sizeBytes()).toBe(onDisk);
  });

  it('takes acknowledged predictions first, which is no loss', async () => {
    const { store } = openTempStore({ maxBytes: 4 * MIB });
    await fill(store, 12_800);
    const head = store.streams.head('predictions');
    store.streams.ack('predictions', head);
    await fill(store, 17_920);
    expect(store.streams.read('predictions', 0, 1).gapBefore).toBeGreaterThan(0);
    expect(store.streams.read('predictions', head, 100_000)).toMatchObject({ gapBefore: 0 });
    expect(store.droppedUnacked()).toBe(0);
  });

  it('drops feedback and events last', async () => {
    const { store } = openTempStore({ maxBytes: 4 * MIB });
    await record(store, [newPrediction()]);
    await store.recorder.feedback([
      {
        timeMs: NOW_MS,
        predictionSeq: 1,
        slot: 'inspection',
        kind: 'explicit',
        label: 1,
        weight: 1,
        rule: 'operator',
        evidence: 'said so',
      },
    ]);
    await store.recorder.metrics([{ timeMs: NOW_MS, name: 'rate', slot: null, value: 1 }]);
    await fill(store, 40_000);
    expect(store.droppedUnacked()).toBeGreaterThan(0);
    expect(store.streams.read('feedback', 0, 9).records).toHaveLength(1);
    expect(store.streams.read('metrics', 0, 9).records).toHaveLength(1);
  });

  it('gives space back to the disk when the cap is lowered, and never gives out a seq again', async () => {
    const folder = tempFolder();
    const before = openTempStore({ folder, maxBytes: 16 * MIB }).store;
    await fill(before, 51_200);
    const head = before.streams.head('predictions');
    before.streams.ack('predictions', head);
    await closeStore(before);
    const path = join(folder, 'store.db');
    expect(statSync(path).size).toBeGreaterThan(5 * MIB);

    const { store } = openTempStore({ folder, maxBytes: 2 * MIB });
    await waitFor('the file shrinks', () => statSync(path).size <= 2 * MIB);
    const [next] = await record(store, [newPrediction()]);
    expect(next?.seq).toBe(head + 1);
    expect(store.sizeBytes()).toBeLessThanOrEqual(2 * MIB);
    expect(store.droppedUnacked()).toBe(0);
  });

  it('forgets line events after a week', async () => {
    const clock = new TestClock();
    const { store } = openTempStore({ clock });
    const event = { timeMs: NOW_MS, kind: 'machine-failed', correlationId: 'L1', station: null };
    await store.recorder.lineEvents([event]);
    clock.advance(6 * 24 * 3_600_000);
    await store.recorder.lineEvents([{ ...event, correlationId: 'L2' }]);
    expect(store.predictions.hasLineEvent('machine-failed', part('L1'))).toBe(true);
    clock.advance(2 * 24 * 3_600_000);
    await record(store, [newPrediction()]);
    await waitFor('the old one goes', () => !store.predictions.hasLineEvent('machine-failed', part('L1')));
    expect(store.predictions.hasLineEvent('machine-failed', part('L2'))).toBe(true);
    clock.advance(30 * 24 * 3_600_000);
    await record(store, [newPrediction()]);
    await waitFor('all go', () => store.predictions.lineEventsAfter(0, 9).length === 0);
    await store.recorder.lineEvents([event]);
    expect(store.predictions.lineEventsAfter(2, 9).map(({ id }) => id)).toEqual([3]);
  });

  it('knows the dropped count, the gaps and the weights after a restart', async () => {
    const folder = tempFolder();
    const { store: before, counters } = openTempStore({ folder, maxBytes: 2 * MIB });
    await fill(before, 25_600);
    await waitFor('the last drop is told', () => {
      return counters.get('store.dropped-predictions') === before.droppedUnacked();
    });
    const dropped = before.droppedUnacked();
    const kept = before.streams.read('predictions', 0, 100_000).records;
    await closeStore(before);
    const { store } = openTempStore({ folder, maxBytes: 2 * MIB });
    expect(dropped).toBeGreaterThan(0);
    expect(store.droppedUnacked()).toBe(dropped);
    expect(store.thinnedOut()).toBe(dropped);
    expect(store.streams.read('predictions', 0, 100_000).records).toEqual(kept);
  });
});
