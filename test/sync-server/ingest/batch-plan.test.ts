import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBatch } from '../../../sync-server/ingest/batch-plan.ts';
import { type Cursor, movedTo } from '../../../sync-server/store/stream-cursors.ts';

const START: Cursor = { committedSeq: 0, dropped: 0 };

describe('the plan of a batch', () => {
  it('takes what follows the cursor', () => {
    expect(planBatch({ committedSeq: 10, dropped: 0 }, { firstSeq: 11, gapBefore: 0, lastSeq: 15 })).toEqual({
      kind: 'append',
      firstNewSeq: 11,
    });
  });

  it('takes only the new part of an overlap', () => {
    expect(
      planBatch({ committedSeq: 12, dropped: 0 }, { firstSeq: 11, gapBefore: 0, lastSeq: 15 }),
    ).toMatchObject({ firstNewSeq: 13 });
  });

  it('counts only those declared drops that are new here', () => {
    // 3..10 were dropped by the device; 1..5 are here, because they were sent before the drop.
    const cursor = { committedSeq: 5, dropped: 0 };
    expect(planBatch(cursor, { firstSeq: 11, gapBefore: 8, lastSeq: 11 })).toMatchObject({ kind: 'append' });
    expect(movedTo(cursor, 11, 1)).toEqual({ committedSeq: 11, dropped: 5 });
  });

  it('refuses a hole that nobody declared', () => {
    const batch = { firstSeq: 12, gapBefore: 0, lastSeq: 12 };
    expect(() => planBatch({ committedSeq: 10, dropped: 0 }, batch)).toThrow(
      expect.objectContaining({ code: 'BATCH_GAP' }),
    );
  });

  it('takes each record exactly once, however batches are cut, repeated and reordered', () => {
    const cut = fc.record({
      first: fc.integer({ min: 1, max: 60 }),
      count: fc.integer({ min: 1, max: 20 }),
      sparse: fc.boolean(),
    });
    // Which of the device's 60 records retention dropped before they were ever sent.
    const drops = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
    fc.assert(
      fc.property(drops, fc.array(cut, { maxLength: 80 }), (dropped, cuts) => {
        const kept = Array.from({ length: 60 }, (_, i) => i + 1).filter((seq) => !dropped.includes(seq));
        const taken: number[] = [];
        let cursor = START;
        for (const { first, count, sparse } of cuts) {
          const batch = batchAt(kept, first, count, sparse);
          if (!batch) continue;
          try {
            const plan = planBatch(cursor, batch);
            if (plan.kind === 'duplicate') continue;
            const fresh = batch.seqs.filter((seq) => seq >= plan.firstNewSeq);
            taken.push(...fresh);
            cursor = movedTo(cursor, batch.lastSeq, fresh.length);
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

/** Kept records from the first one at or after `first`, up to a gap unless it is sparse, with the drops right before them. */
function batchAt(
  kept: readonly number[],
  first: number,
  count: number,
  sparse: boolean,
): { firstSeq: number; gapBefore: number; lastSeq: number; seqs: readonly number[] } | undefined {
  const from = kept.findIndex((seq) => seq >= first);
  const firstSeq = kept[from];
  if (firstSeq === undefined) return undefined;
  const next = kept.slice(from, from + count);
  const gap = sparse ? -1 : next.findIndex((seq, i) => seq !== firstSeq + i);
  const seqs = gap < 0 ? next : next.slice(0, gap);
  const gapBefore = firstSeq - 1 - (kept[from - 1] ?? 0);
  return { firstSeq, gapBefore, lastSeq: seqs.at(-1) ?? firstSeq, seqs };
}
