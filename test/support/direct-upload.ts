/** A device's real store and a server's real one, with nothing between them. */
import type { Store } from '../../agent/store/store.ts';
import { planBatch } from '../../agent/sync/batch-planner.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { Stream } from '../../protocol/records.ts';
import { topics } from '../../protocol/topics.ts';
import type { ServerStore } from '../../sync-server/store/server-store.ts';
import { birth, ingestOver } from '../sync-server/support.ts';

const DEVICE = 'mill-1';

/** Says who it is and from which database it goes on. */
export function sayBirth(store: Store, server: ServerStore): void {
  const { ingest, receive } = ingestOver(server);
  const { epoch, inherits } = store;
  receive(topics.birth(DEVICE), JSON.stringify({ ...JSON.parse(birth(DEVICE, epoch)), inherits }));
  ingest.flush();
}

/** Sends what is not acknowledged, until all is. */
export function upload(store: Store, server: ServerStore, stream: Stream): void {
  const { send, acks } = ingestOver(server);
  for (;;) {
    const afterSeq = store.streams.acked(stream);
    const { records } = store.streams.read(stream, afterSeq, LIMITS.batchRecords);
    if (records.length === 0) return;
    const plan = planBatch({
      ...{ stream, storeEpoch: store.epoch, records, afterSeq, maxRecords: LIMITS.batchRecords },
      privacyOf: () => ({ leaves: true, inputsShare: 0 }),
      careful: false,
    });
    if (plan.kind !== 'batch') throw new Error('nothing leaves');
    send(DEVICE, stream, plan.bytes);
    store.streams.ack(stream, acks.at(-1)?.seq ?? 0);
  }
}
