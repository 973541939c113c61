/** The tables behind the store, where a fault or years of restarts cannot be made through its surface. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Contexts, forgetContexts } from '../../../agent/store/contexts.ts';
import { Database } from '../../../agent/store/database.ts';
import { DropTables } from '../../../agent/store/drop-tables.ts';
import { rowSum } from '../../../agent/store/row-sum.ts';
import { StreamHeads } from '../../../agent/store/stream-heads.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { PredictionContext } from '../../../protocol/prediction-context.ts';
import { NO_TAGS } from '../../../protocol/tags.ts';
import { MODEL_A, tempFolder } from './temp-store.ts';

const open: Database[] = [];
afterEach(() => {
  for (const database of open.splice(0)) database.close();
});

function openDatabase(): Database {
  const database = Database.open(join(tempFolder(), 'store.db'), { maxBytes: 2 ** 24, logBytes: 2 ** 20 });
  open.push(database);
  return database;
}

function context(over: Partial<PredictionContext>): PredictionContext {
  const usual = { tags: NO_TAGS, propensity: 1, explored: false, keptShare: 1 };
  return { run: '00000001', slot: 'inspection', model: MODEL_A, role: 'champion', ...usual, ...over };
}

function addPrediction({ sqlite }: Database, seq: number, context: number): void {
  const row = [seq, 0, context, null, 0, 0.5, 0, 0, 0, null];
  sqlite.prepare('INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(...row, rowSum(row));
}

describe('what the tables are', () => {
  it('is written in the first page, all of it: the salvage guide keeps that page', () => {
    const pages = openDatabase()
      .sqlite.prepare<[], number>("SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'")
      .pluck();
    expect(pages.all()).toEqual([1]);
  });
});

describe('dropping', () => {
  it('counts nothing that a failed transaction did not drop', () => {
    const database = openDatabase();
    const contexts = new Contexts(database.sqlite, '00000001', new Counters());
    const { id } = contexts.of(context({}));
    for (let seq = 1; seq <= 100; seq++) addPrediction(database, seq, id);
    const rows = database.sqlite.prepare<[], number>('SELECT count(*) FROM predictions').pluck();
    const heads = new StreamHeads(database.sqlite);
    const drops = new DropTables(database, heads, contexts, 400);
    database.sqlite.exec(
      "CREATE TRIGGER fault BEFORE UPDATE ON streams BEGIN SELECT RAISE(ABORT, 'no room'); END",
    );
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(() => drops.dropSlice('any')).toThrow(expect.objectContaining({ code: 'STORE_UNWRITABLE' }));
    }
    expect(heads.droppedTotal()).toBe(0);
    expect(rows.get()).toBe(100);
    expect(contexts.byId(id)).toMatchObject({ keptShare: 1 });
    database.sqlite.exec('DROP TRIGGER fault');
    expect(drops.dropSlice('any')).toMatchObject([{ stream: 'predictions', from: 1, to: 49, thinned: true }]);
    const dropped = 100 - (rows.get() ?? 0);
    expect(dropped).toBeGreaterThan(0);
    for (const counted of [heads, new StreamHeads(database.sqlite)])
      expect(counted.droppedTotal()).toBe(dropped);
    expect(drops.thinnedTotal()).toBe(dropped);
  });
});

describe('the words of earlier runs', () => {
  it('are forgotten with the last prediction that needs them, unless a count of labels does', () => {
    const database = openDatabase();
    const { sqlite } = database;
    for (const run of ['00000001', '00000002', '00000003']) {
      const contexts = new Contexts(sqlite, run, new Counters());
      contexts.of(context({ run }));
      contexts.of(context({ run, role: 'shadow' }));
    }
    sqlite.exec('INSERT INTO confusion VALUES (2, 1, 0, 0, 1, 1, 1)');
    const kept = () => sqlite.prepare<[], number>('SELECT id FROM contexts ORDER BY id').pluck().all();
    forgetContexts(sqlite);
    expect(kept()).toEqual([1, 2, 3, 4, 5, 6]);
    addPrediction(database, 7, 4);
    addPrediction(database, 8, 3);
    addPrediction(database, 9, 5);
    forgetContexts(sqlite);
    expect(kept()).toEqual([2, 3, 4, 5, 6]);
    expect(new Contexts(sqlite, '00000004', new Counters()).of(context({ run: '00000004' })).id).toBe(7);
  });
});

describe('the dictionary of contexts', () => {
  it('is one entry for equal circumstances, in whatever order tags stand, also after it was read again', () => {
    const { sqlite } = openDatabase();
    const contexts = new Contexts(sqlite, '00000001', new Counters());
    const early = contexts.of(context({ tags: { shift: 'early', line: '1' } }));
    expect(contexts.of(context({ tags: { line: '1', shift: 'early' } }))).toBe(early);
    expect(contexts.of(context({ tags: early.tags, explored: true, propensity: 0.05 })).id).not.toBe(
      early.id,
    );
    contexts.reload();
    expect(contexts.of(context({ tags: { shift: 'early', line: '1' } }))).toEqual(early);
  });

  it('keeps no more tags of a run, and counts that, when each part has a tag of its own', () => {
    const { sqlite } = openDatabase();
    const counters = new Counters();
    const contexts = new Contexts(sqlite, '00000001', counters);
    const made = sqlite.transaction(() =>
      Array.from({ length: 10_002 }, (_, i) => contexts.of(context({ tags: { serial: `${i}` } }))),
    )();
    expect(made[9_999]?.tags).toEqual({ serial: '9999' });
    expect(made.slice(10_000).map(({ tags }) => tags)).toEqual([{}, {}]);
    expect(counters.get('store.tags-not-kept')).toBe(2);
  });
});
