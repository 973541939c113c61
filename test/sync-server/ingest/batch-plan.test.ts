import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBatch } from '../../../sync-server/ingest/batch-plan.ts';
import type { Cursor } from '../../../sync-server/store/stream-cursors.ts';

const START: Cursor = { committedSeq: 0, dropped: 0 };

describe('the plan of a batch', () => {
  it('takes what follows the cursor', () => {
    expect(planBatch({ committedSeq: 10, dropped: 0 }, { firstSeq: 11, gapBefore: 0, count: 5 })).toEqual({
      kind: 'append',
      firstNewSeq: 11,
      cursor: { committedSeq: 15, dropped: 0 },
    });
  });

  it('takes only the new part of an overlap', () => {
    expect(
      planBatch({ committedSeq: 12, dropped: 0 }, { firstSeq: 11, gapBefore: 0, count: 5 }),
    ).toMatchObject({
      firstNewSeq: 13,
      cursor: { committedSeq: 15 },
    });
  });

  it('counts only those declared drops that are new here', () => {
    // 3..10 were dropped by the device; 1..5 are here, because they were sent before the drop.
    const plan = planBatch({ committedSeq: 5, dropped: 0 }, { firstSeq: 11, gapBefore: 8, count: 1 });
    expect(plan).toMatchObject({ cursor: { committedSeq: 11, dropped: 5 } });
  });

  it('refuses a hole that nobody declared', () => {
    const batch = { firstSeq: 12, gapBefore: 0, count: 1 };
    expect(() => planBatch({ committedSeq: 10, dropped: 0 }, batch)).toThrow(
      expect.objectContaining({ code: 'BATCH_GAP' }),
    );
  });

  it('takes each record exactly once, however batches are cut, repeated and reordered', () => {
    const cut = fc.record({ first: fc.integer({ min: 1, max: 60 }), count: fc.integer({ min: 1, max: 20 }) });
    // Which of the device's 60 records retention dropped before they were ever sent.
    const drops = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
    fc.assert(
      fc.property(drops, fc.array(cut, { maxLength: 80 }), (dropped, cuts) => {
        const kept = Array.from({ length: 60 }, (_, i) => i + 1).filter((seq) => !dropped.includes(seq));
        const taken: number[] = [];
        let cursor = START;
        for (const { first, count } of cuts) {
          const batch = batchAt(kept, first, count);
          if (!batch) continue;
          try {
            const plan = planBatch(cursor, batch);
            if (plan.kind === 'duplicate') continue;
            for (let s = plan.firstNewSeq; s <= plan.cursor.committedSeq; s++) taken.push(s);
            cursor = plan.cursor;
          } catch {
            // Refused: the device sends again from the cursor.
          }
        }
        expect(taken).toEqual(kept.filter((seq) => seq <= cursor.committedSeq));
        expect(cursor.dropped).toBe(cursor.committedSeq - taken.length);
      }),
    );
  });
});

/** Consecutive kept records from the first one at or after `first`, with the drops right before them. */
function batchAt(
  kept: readonly number[],
  first: number,
  count: number,
): { firstSeq: number; gapBefore: number; count: number } | undefined {
  const firstSeq = kept.find((seq) => seq >= first);
  if (firstSeq === undefined) return undefined;
  let length = 0;
  while (length < count && kept.includes(firstSeq + length)) length += 1;
  let gapBefore = 0;
  while (firstSeq - gapBefore > 1 && !kept.includes(firstSeq - gapBefore - 1)) gapBefore += 1;
  return { firstSeq, gapBefore, count: length };
}
