/** Promise 4: every prediction ever made is acknowledged, here, or counted as dropped, whatever happens in whatever order. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Database } from '../../../agent/store/database.ts';
import { staysAt } from '../../../agent/store/thinning.ts';
import { newPrediction, tempFolder } from './temp-store.ts';
import { ThinnedStore } from './thinned-store.ts';

type Step =
  | { readonly kind: 'record'; readonly count: number; readonly shadows: boolean }
  | { readonly kind: 'ack'; readonly share: number }
  | { readonly kind: 'thin'; readonly slices: number }
  | { readonly kind: 'fail' }
  | { readonly kind: 'crash' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('record' as const),
    count: fc.integer({ min: 1, max: 40 }),
    shadows: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('ack' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant('thin' as const), slices: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ kind: fc.constant('fail' as const) }),
  fc.record({ kind: fc.constant('crash' as const) }),
);

function made(count: number, shadows: boolean) {
  return Array.from({ length: count }, (_, i) =>
    newPrediction({
      health: i % 7 === 0 ? 2 : 0,
      shadow: shadows
        ? { model: 'b'.repeat(64), label: i % 5 === 0 ? 1 : 0, score: 0.5, latencyUs: 1 }
        : null,
    }),
  );
}

it('counts add up under any interleaving of recording, acknowledging, thinning, failing and crashing', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
      const path = join(tempFolder(), 'store.db');
      let runs = 0;
      const start = () => {
        runs += 1;
        const database = Database.open(path, { maxBytes: 2 ** 26, logBytes: 2 ** 20 });
        return new ThinnedStore(database, runs.toString(16).padStart(8, '0'), 16);
      };
      let store = start();
      const counted = { dropped: 0, freed: 0 };
      try {
        for (const each of steps) {
          const { acked, durable } = store.heads.of('predictions');
          if (each.kind === 'record') store.record(made(each.count, each.shadows));
          if (each.kind === 'ack') store.ack(acked + Math.floor(each.share * (durable - acked)));
          if (each.kind === 'thin') for (let i = 0; i < each.slices; i++) thinOnce(store, counted);
          if (each.kind === 'fail') failToThin(store);
          if (each.kind === 'crash') {
            store.database.close();
            store = start();
          }
          const place = store.heads.of('predictions');
          expect(place.dropped).toBe(counted.dropped);
          expect(store.heads.waiting('predictions')).toBe(
            seqsOf(store).filter((seq) => seq > place.acked).length,
          );
          expect(seqsOf(store).length + counted.dropped + counted.freed).toBe(place.written);
        }
        checkKept(store);
      } finally {
        store.database.close();
      }
    }),
    { numRuns: 60 },
  );
});

/** Counts what is gone by looking, and compares with what the store says. */
function thinOnce(store: ThinnedStore, counted: { dropped: number; freed: number }): void {
  const before = seqsOf(store);
  const { acked } = store.heads.of('predictions');
  const said = store.thin()?.predictions ?? 0;
  const after = new Set(seqsOf(store));
  const gone = before.filter((seq) => !after.has(seq));
  expect(gone.filter((seq) => seq > acked)).toHaveLength(said);
  counted.dropped += said;
  counted.freed += gone.length - said;
}

function failToThin(store: ThinnedStore): void {
  const { sqlite } = store.database;
  const before = seqsOf(store);
  sqlite.exec("CREATE TRIGGER fault BEFORE UPDATE ON streams BEGIN SELECT RAISE(ABORT, 'no room'); END");
  try {
    store.thin();
  } catch (error) {
    expect(error).toMatchObject({ code: 'STORE_UNWRITABLE' });
  }
  sqlite.exec('DROP TRIGGER fault');
  expect(seqsOf(store)).toEqual(before);
}

/** A sample stays whole, the newest stays, and each weight is that of the draw. */
function checkKept(store: ThinnedStore): void {
  const kept = new Map(store.kept().map((prediction) => [prediction.seq, prediction]));
  const { acked, written } = store.heads.of('predictions');
  const oldest = Math.max(acked + 1, seqsOf(store)[0] ?? 0);
  if (written > 0) expect(seqsOf(store).at(-1)).toBe(written);
  for (const { seq, run, pairOf, keptShare } of kept.values()) {
    if (seq <= acked) continue;
    if (keptShare < 1) expect(staysAt(keptShare, { run, seq: pairOf || seq, keptShare: 1 })).toBe(true);
    // As a last resort the oldest go whole, also from between two of a sample.
    if (pairOf >= oldest) expect(kept.get(pairOf)?.keptShare).toBe(keptShare);
  }
}

function seqsOf({ database }: ThinnedStore): number[] {
  return database.sqlite.prepare<[], number>('SELECT seq FROM predictions ORDER BY seq').pluck().all();
}
