/** `{device}/up/{stream}`: stores what is new of a batch, moves the cursor with it, and acknowledges after the commit. */

import type { Counters } from '../../daemon/counters.ts';
import { type Batch, decodeBatch, decodeBatchHeader, isBatchOf } from '../../protocol/batch.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Ack } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { ServerStore } from '../store/server-store.ts';
import { type BatchPlan, planBatch } from './batch-plan.ts';
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
    const bornEpoch = store.devices.bornEpoch(device);
    const wantsBirth = bornEpoch === storeEpoch ? {} : { wantsBirth: true };
    const ackUpTo = (seq: number) => () =>
      acknowledge(device, { v: 1, storeEpoch, stream, seq, timeMs: clock.wallMs(), ...wantsBirth });
    if (isUnborn(store, device, storeEpoch, bornEpoch)) {
      counters.add('EPOCH_UNBORN');
      store.devices.seen(device, timeMs);
      return ackUpTo(0);
    }
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
    store.cursors.advance(epochId, stream, batch.lastSeq, (homeId, afterSeq, untilSeq) => {
      const part = between(batch, afterSeq, untilSeq);
      insert(store, homeId, epochId, part);
      store.arrivals.note(homeId, stream, untilSeq, timeMs);
      return part.records.length;
    });
    store.devices.seen(device, timeMs);
    return ackUpTo(batch.lastSeq);
  };
}

/**
 * A database that goes on from another says so in its birth, and without it records that are here would be taken twice. So
 * a device that says births is not heard before that of its database has come; one that never said any begins anew each time.
 */
function isUnborn(
  { cursors }: Pick<ServerStore, 'cursors'>,
  device: string,
  storeEpoch: string,
  bornEpoch: string | undefined,
): boolean {
  return (
    bornEpoch !== undefined && bornEpoch !== storeEpoch && cursors.knownId(device, storeEpoch) === undefined
  );
}

/** The records of a batch after one seq and up to another. */
function between(batch: Batch, afterSeq: number, untilSeq: number): Batch {
  return { ...batch, records: batch.records.filter(({ seq }) => seq > afterSeq && seq <= untilSeq) };
}

/** @param saidBy the database that sent them, which is not always where they lie */
function insert({ records }: ServerStore, homeId: number, saidBy: number, part: Batch): void {
  if (isBatchOf(part, 'predictions')) records.addPredictions(homeId, part.records);
  else if (isBatchOf(part, 'feedback')) records.addFeedback(homeId, part.records, saidBy);
  else if (isBatchOf(part, 'metrics')) records.addMetrics(homeId, part.records);
  else if (isBatchOf(part, 'events')) records.addEvents(homeId, part.records);
}
