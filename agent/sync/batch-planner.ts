/** Makes the next batch of a stream: leaves out what may not leave the device, and cuts until it fits in one message. */
import { decodeBatch, encodeBatch } from '../../protocol/batch.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { RecordOf, Stream } from '../../protocol/records.ts';
import type { SlotConfig } from '../config/schema.ts';

/** The privacy policy of a slot; `none` for a slot that is not configured (any more). */
export type PrivacyOf = (slot: string) => SlotConfig['privacy'];

export interface PlanRequest<S extends Stream> {
  readonly stream: S;
  readonly storeEpoch: string;
  /** What the store keeps after `afterSeq`, in order. */
  readonly records: readonly RecordOf[S][];
  /** The seq that the server has when this batch arrives; what lies between is declared as a gap. */
  readonly afterSeq: number;
  readonly maxRecords: number;
  readonly privacyOf: PrivacyOf;
  /** Read each batch back before it goes: a record that no decoder takes would block the stream for ever, so it stays here. */
  readonly careful: boolean;
  /** The server takes a batch with gaps in it; for another, a batch ends at the first gap. */
  readonly sparse: boolean;
}

export type Plan =
  | {
      readonly kind: 'batch';
      readonly bytes: Buffer;
      readonly count: number;
      readonly lastSeq: number;
      /** True when more records were there but did not fit. */
      readonly cut: boolean;
      /** It ended at a gap that the server does not take: nothing that could join it will come. */
      readonly atGap: boolean;
    }
  /** Nothing up to `lastSeq` may or can be sent; `cause` where that is not by policy. */
  | { readonly kind: 'withheld'; readonly lastSeq: number; readonly cause: CodedError | null };

/** @param request with at least one record */
export function planBatch<S extends Stream>(request: PlanRequest<S>): Plan {
  const { stream, storeEpoch, records, afterSeq, maxRecords, privacyOf, careful, sparse } = request;
  const leaving = records.filter((record) => mayLeave(stream, record, privacyOf));
  const firstSeq = leaving[0]?.seq;
  if (firstSeq === undefined) {
    return { kind: 'withheld', lastSeq: records.at(-1)?.seq ?? afterSeq, cause: null };
  }
  const gap = sparse ? -1 : leaving.findIndex(({ seq }, i) => seq !== firstSeq + i);
  const end = Math.min(maxRecords, gap < 0 ? leaving.length : gap);
  const atGap = end === gap;
  const run = leaving.slice(0, end).map((record) => strip(record, privacyOf));
  for (let count = run.length; ; count = Math.ceil(count / 2)) {
    const part = run.slice(0, count);
    try {
      const bytes = encodeBatch(stream, storeEpoch, part, firstSeq - 1 - afterSeq);
      if (careful) decodeBatch(bytes);
      return {
        kind: 'batch',
        bytes,
        count,
        lastSeq: part.at(-1)?.seq ?? firstSeq,
        cut: count < run.length,
        atGap,
      };
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      if (count === 1) return { kind: 'withheld', lastSeq: firstSeq, cause: error };
    }
  }
}

/** Metrics and events are the device's own and always leave; predictions and their labels are their slot's. */
function mayLeave(stream: Stream, record: { slot?: string | null }, privacyOf: PrivacyOf): boolean {
  if (stream !== 'predictions' && stream !== 'feedback') return true;
  return typeof record.slot === 'string' && privacyOf(record.slot) !== 'none';
}

function strip<R extends object>(record: R, privacyOf: PrivacyOf): R {
  if (!('features' in record) || record.features === null) return record;
  if ('slot' in record && typeof record.slot === 'string' && privacyOf(record.slot) === 'features')
    return record;
  return { ...record, features: null };
}
