import { describe, expect, it } from 'vitest';
import type { ReopenReason } from '../../../agent/store/store.ts';
import { closeStore, newPrediction, openTempStore, record, tempFolder } from './temp-store.ts';

async function storeOf(
  folder: string,
  predictions: number,
  onReopen: (why: ReopenReason) => void = () => undefined,
) {
  const { store, counters } = openTempStore({ folder, onReopen });
  if (predictions > 0)
    await record(
      store,
      Array.from({ length: predictions }, () => newPrediction()),
    );
  return { store, counters };
}

describe('what a server may have more of', () => {
  it('is nothing in a database that begins', async () => {
    const { store } = await storeOf(tempFolder(), 3);
    expect(store.streams.unproven('predictions')).toBeUndefined();
  });

  it('begins where the stream ended at the first start since the server spoke', async () => {
    const folder = tempFolder();
    await closeStore((await storeOf(folder, 3)).store);
    const second = await storeOf(folder, 2);
    expect(second.store.streams.unproven('predictions')).toBe(3);
    await closeStore(second.store);
    const third = await storeOf(folder, 2);
    expect(third.store.streams.unproven('predictions')).toBe(3);
    await third.store.streams.prove('predictions');
    expect(third.store.streams.unproven('predictions')).toBeUndefined();
    expect(third.store.streams.unproven('metrics')).toBe(0);
    await closeStore(third.store);
    const { store } = await storeOf(folder, 0);
    expect(store.streams.unproven('predictions')).toBe(7);
  });

  it('is settled for labels only with the predictions that they name', async () => {
    const folder = tempFolder();
    await closeStore((await storeOf(folder, 3)).store);
    const { store } = await storeOf(folder, 0);
    const proven: string[] = [];
    const feedback = store.streams.prove('feedback').then(() => proven.push('feedback'));
    await Promise.all([store.streams.prove('events'), store.streams.prove('metrics')]);
    expect(proven).toEqual([]);
    expect(store.streams.unproven('feedback')).toBe(0);
    await Promise.all([store.streams.prove('predictions'), feedback]);
    expect(store.streams.unproven('feedback')).toBeUndefined();
  });

  it('ends the epoch when it is there; the next one shares what was here at that start', async () => {
    const folder = tempFolder();
    const first = await storeOf(folder, 3);
    const { epoch } = first.store;
    await closeStore(first.store);
    const asked: ReopenReason[] = [];
    const second = await storeOf(folder, 4, (why) => asked.push(why));
    second.store.streams.overtaken('predictions', 5);
    second.store.streams.overtaken('predictions', 5);
    expect(asked).toEqual(['overtaken']);
    expect(second.counters.get('STORE_OVERTAKEN')).toBe(1);
    await closeStore(second.store);
    const { store } = await storeOf(folder, 0);
    expect(store.epoch).not.toBe(epoch);
    expect(store.inherits[0]).toMatchObject({ storeEpoch: epoch, heads: { predictions: 3 } });
    expect(store.streams.unproven('predictions')).toBeUndefined();
    expect(store.streams.read('predictions', 3, 10).records).toHaveLength(4);
    const [event] = store.streams.read('events', 0, 10).records;
    expect(event).toMatchObject({ kind: 'store-overtaken', data: { serverSeq: 5, lastSeq: 3 } });
  });

  it('cannot be claimed of what this run itself has sent', async () => {
    const { store, counters } = await storeOf(tempFolder(), 3, () => expect.unreachable());
    store.streams.overtaken('predictions', 5);
    expect(counters.get('STORE_OVERTAKEN')).toBe(0);
  });
});
