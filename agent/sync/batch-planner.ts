/** Makes the next batch of a stream: leaves out what may not leave the device, and cuts until it fits in one message. */
import { decodeBatch, encodeBatch } from '../../protocol/batch.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { RecordOf, Stream } from '../../protocol/records.ts';
import { type PrivacyPolicy, takesInputsAlong } from './privacy-policy.ts';

/** The privacy policy of a slot, of one that is not configured (any more) too. */
export type PrivacyOf = (slot: string) => PrivacyPolicy;

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
}

export type Plan<S extends Stream> =
  | {
      readonly kind: 'batch';
      readonly bytes: Buffer;
      /** As they leave. */
      readonly records: readonly RecordOf[S][];
      readonly lastSeq: number;
      /** True when more records were there but did not fit. */
      readonly cut: boolean;
    }
  /** Nothing up to `lastSeq` may or can be sent; `cause` where that is not by policy. */
  | { readonly kind: 'withheld'; readonly lastSeq: number; readonly cause: CodedError | null };

/** @param request with at least one record */
export function planBatch<S extends Stream>(request: PlanRequest<S>): Plan<S> {
  const { stream, storeEpoch, records, afterSeq, maxRecords, privacyOf, careful } = request;
  const leaving = records.filter((record) => mayLeave(stream, record, privacyOf));
  const firstSeq = leaving[0]?.seq;
  if (firstSeq === undefined) {
    return { kind: 'withheld', lastSeq: records.at(-1)?.seq ?? afterSeq, cause: null };
  }
  const run = leaving.slice(0, maxRecords).map((record) => strip(record, privacyOf));
  for (let count = run.length; ; count = Math.ceil(count / 2)) {
    const part = run.slice(0, count);
    try {
      const bytes = encodeBatch(stream, storeEpoch, part, firstSeq - 1 - afterSeq);
      if (careful) decodeBatch(bytes);
      return {
        kind: 'batch',
        bytes,
        records: part,
        lastSeq: part.at(-1)?.seq ?? firstSeq,
        cut: count < run.length,
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
  return typeof record.slot === 'string' && privacyOf(record.slot).leaves;
}

function strip<R extends { seq: number }>(record: R, privacyOf: PrivacyOf): R {
  if (!('features' in record) || record.features === null) return record;
  if ('slot' in record && typeof record.slot === 'string') {
    if (takesInputsAlong(record.seq, privacyOf(record.slot))) return record;
  }
  return { ...record, features: null };
}
