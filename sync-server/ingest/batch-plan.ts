/** Decides what of a batch is new, as a pure function of the stream's cursor: the heart of "exactly once". */
import type { BatchHeader } from '../../protocol/batch.ts';
import { serverError } from '../errors.ts';
import type { Cursor } from '../store/stream-cursors.ts';

export type BatchPlan =
  /** All of it is here already: acknowledge again. */
  | { readonly kind: 'duplicate' }
  /** Records from `firstNewSeq` on are new. */
  | { readonly kind: 'append'; readonly firstNewSeq: number };

/**
 * @throws CodedError BATCH_GAP when records between the cursor and the batch are neither here nor declared dropped
 */
export function planBatch(
  cursor: Cursor,
  batch: Pick<BatchHeader, 'firstSeq' | 'gapBefore' | 'lastSeq'>,
): BatchPlan {
  const { committedSeq } = cursor;
  if (batch.lastSeq <= committedSeq) return { kind: 'duplicate' };
  if (batch.firstSeq - batch.gapBefore > committedSeq + 1) {
    throw serverError(
      'BATCH_GAP',
      `batch starts at ${batch.firstSeq} (${batch.gapBefore} dropped before), but only ${committedSeq} is here`,
      { hint: 'The device sends again from the acknowledged place by itself.' },
    );
  }
  return { kind: 'append', firstNewSeq: Math.max(batch.firstSeq, committedSeq + 1) };
}
