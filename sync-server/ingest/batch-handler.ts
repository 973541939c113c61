/** `{device}/up/{stream}`: stores what is new of a batch, moves the cursor with it, and acknowledges after the commit. */
import { type Batch, decodeBatch, decodeBatchHeader, isBatchOf } from '../../protocol/batch.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Ack } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { serverError } from '../errors.ts';
import type { ServerStore } from '../store/server-store.ts';
import { type BatchPlan, movedTo, planBatch } from './batch-plan.ts';
import type { Delivery, MessageHandler } from './message-handler.ts';

export interface BatchDelivery extends Delivery {
  readonly stream: Stream;
}

export interface BatchHandlerDeps {
  readonly store: ServerStore;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly acknowledge: (device: string, ack: Ack) => void;
}

export function batchHandler({
  store,
  clock,
  counters,
  acknowledge,
}: BatchHandlerDeps): MessageHandler<BatchDelivery> {
  return ({ device, stream, payload, timeMs }) => {
    const header = decodeBatchHeader(payload);
    if (header.stream !== stream) {
      throw serverError('TOPIC_MISMATCH', `a batch of ${header.stream} came on the topic of ${stream}`);
    }
    const { storeEpoch } = header;
    const ackUpTo = (seq: number) => () =>
      acknowledge(device, { v: 1, storeEpoch, stream, seq, timeMs: clock.wallMs() });
    const cursor = store.cursors.at(device, storeEpoch, stream);
    let plan: BatchPlan;
    try {
      plan = planBatch(cursor, header);
    } catch (error) {
      // Not the sender's fault (the broker lost a batch on the way): no dead letter, the low ack makes it send again.
      counters.add(codeOf(error));
      return ackUpTo(cursor.committedSeq);
    }
    if (plan.kind === 'duplicate') {
      store.devices.seen(device, timeMs);
      return ackUpTo(cursor.committedSeq);
    }
    const batch = decodeBatch(payload);
    // Only now: what is refused must leave nothing behind, or a hostile device could fill the disk with epochs.
    const epochId = store.cursors.epochId(device, storeEpoch);
    const taken = insert(store, epochId, batch, plan.firstNewSeq);
    store.cursors.move(epochId, stream, movedTo(cursor, batch.lastSeq, taken));
    store.arrivals.note(epochId, stream, batch.lastSeq, timeMs);
    store.devices.seen(device, timeMs);
    return ackUpTo(batch.lastSeq);
  };
}

/** @returns how many of the batch were new */
function insert(store: ServerStore, epochId: number, batch: Batch, firstNewSeq: number): number {
  const from = batch.records.findIndex(({ seq }) => seq >= firstNewSeq);
  const { records } = store;
  if (isBatchOf(batch, 'predictions')) records.addPredictions(epochId, batch.records.slice(from));
  else if (isBatchOf(batch, 'feedback')) records.addFeedback(epochId, batch.records.slice(from));
  else if (isBatchOf(batch, 'metrics')) records.addMetrics(epochId, batch.records.slice(from));
  else if (isBatchOf(batch, 'events')) records.addEvents(epochId, batch.records.slice(from));
  return batch.count - from;
}
