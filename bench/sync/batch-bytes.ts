/** What records weigh on the wire, by encoding the ones that the device keeps in the batches that it would send. */
import { pino } from 'pino';
import { systemClock } from '../../agent/clock.ts';
import { openStore } from '../../agent/store/open-store.ts';
import { Counters } from '../../daemon/counters.ts';
import { encodeBatch } from '../../protocol/batch.ts';
import { CodedError } from '../../protocol/errors.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { Prediction } from '../../protocol/records.ts';

export interface BytesPerPrediction {
  /** Label, score, latency, time, health, context; no correlation id. */
  readonly outputs: number;
  readonly correlationId: number;
  readonly features: number;
}

/** @param records the first so many, each of another sample, or equal rows would shrink each other */
export async function bytesPerPrediction(folder: string, records: number): Promise<BytesPerPrediction> {
  const store = openStore({
    folder,
    maxBytes: 2 ** 31,
    commitWithinMs: 10,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    counters: new Counters(),
  });
  try {
    const all: Prediction[] = [];
    while (all.length < records) {
      const limit = Math.min(LIMITS.batchRecords, records - all.length);
      const read = store.streams.read('predictions', all.length, limit).records;
      if (read.length === 0) throw new Error(`only ${all.length} of ${records} predictions are kept`);
      all.push(...read);
    }
    const weigh = (change: (record: Prediction) => Prediction) => bytesOf(all.map(change)) / records;
    const outputs = weigh((record) => ({ ...record, correlationId: null, features: null }));
    const withIds = weigh((record) => ({ ...record, features: null }));
    return { outputs, correlationId: withIds - outputs, features: weigh((record) => record) - withIds };
  } finally {
    await store.close();
  }
}

/** Of full batches, or of halves where a message holds no more. */
function bytesOf(records: readonly Prediction[]): number {
  let bytes = 0;
  for (let at = 0; at < records.length; at += LIMITS.batchRecords) {
    bytes += batchBytes(records.slice(at, at + LIMITS.batchRecords));
  }
  return bytes;
}

function batchBytes(records: readonly Prediction[]): number {
  try {
    return encodeBatch('predictions', '0'.repeat(16), records).length;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const half = Math.ceil(records.length / 2);
    return batchBytes(records.slice(0, half)) + batchBytes(records.slice(half));
  }
}
