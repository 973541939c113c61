/** Values that changed on the disk without SQLite noticing: written here past the store, which is closed meanwhile. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../../agent/store/migrations.ts';
import type { Store } from '../../../agent/store/store.ts';
import type { Stream } from '../../../protocol/records.ts';
import {
  closeStore,
  MODEL_A,
  NOW_MS,
  newPrediction,
  openTempStore,
  record,
  tempFolder,
} from './temp-store.ts';

const ROWS = 20;

async function filledStore(): Promise<string> {
  const folder = tempFolder();
  const { store } = openTempStore({ folder });
  const tags = { shift: 'late' };
  const rows = Array.from({ length: ROWS }, (_, i) =>
    newPrediction({
      correlationId: `L${i + 1}`,
      timeMs: NOW_MS + i,
      features: Float32Array.of(i, 0.5),
      tags,
    }),
  );
  await record(store, rows, ROWS);
  const answer = { slot: 'inspection', timeMs: NOW_MS, weight: 1, kind: 'explicit', evidence: '' } as const;
  await store.recorder.feedback([
    { ...answer, predictionSeq: 3, label: 1, rule: 'one' },
    { ...answer, predictionSeq: 3, label: 2, rule: 'two', timeMs: NOW_MS + 1 },
  ]);
  await store.recorder.metrics([1, 2, 3].map((value) => ({ timeMs: NOW_MS, name: 'm', slot: null, value })));
  const event = { timeMs: NOW_MS, severity: 'info', slot: null, message: 'words', data: {} } as const;
  await store.recorder.events([
    { ...event, kind: 'first' },
    { ...event, kind: 'second' },
    { ...event, kind: 'third' },
  ]);
  await closeStore(store);
  return folder;
}

async function alteredStore(...sql: string[]): Promise<string> {
  const folder = await filledStore();
  const sqlite = new BetterSqlite(join(folder, 'store.db'));
  for (const each of sql) sqlite.exec(each);
  sqlite.close();
  return folder;
}

function seqsOf(store: Store, stream: Stream): number[] {
  return store.streams.read(stream, 0, 1000).records.map(({ seq }) => seq);
}

describe('a row that no longer holds what was written', () => {
  it.each([
    ['predictions', 'time_ms = time_ms + 1'],
    ['predictions', 'context = 2'],
    ['predictions', "correlation_id = 'L9'"],
    ['predictions', 'correlation_id = NULL'],
    ['predictions', 'label = label + 4'],
    ['predictions', 'score = 0.5000000001'],
    ['predictions', 'health = 1'],
    ['predictions', 'pair_distance = 1'],
    ['predictions', "features = x'0000004000000040'"],
    ['predictions', 'check_sum = check_sum + 1'],
    ['predictions', 'check_sum = NULL'],
    ['feedback', 'label = 3'],
    ['feedback', 'prediction_seq = 4'],
    ['feedback', 'stands = 1 - stands'],
    ['metrics', 'value = value * 2'],
    ['metrics', "slot = ''"],
    ['events', "message = 'wards'"],
    ['events', "severity = 'none'"],
  ] as const)('is told as a gap, and counted: %s, %s', async (stream, change) => {
    const folder = await alteredStore(`UPDATE ${stream} SET ${change} WHERE seq = 2`);
    const { store, counters } = openTempStore({ folder });
    const seqs = seqsOf(store, stream);
    expect(seqs).not.toContain(2);
    if (seqs.length > 1) expect(seqs.slice(0, 2)).toEqual([1, 3]);
    expect(counters.get('STORE_ROW_UNREADABLE')).toBe(1);
    expect(counters.get('STORE_CORRUPT')).toBe(0);
    expect(store.droppedUnacked()).toBe(1);
  });

  it('is shown nowhere, and no label is counted of it', async () => {
    const folder = await alteredStore(
      "UPDATE predictions SET label = 5, correlation_id = 'L5' WHERE seq = 4",
      'UPDATE predictions SET time_ms = 1, context = 77 WHERE seq = 11',
    );
    const log = openTempStore({ folder }).store.predictions;
    expect(log.bySeq(4)).toBeUndefined();
    expect(log.byCorrelationId('inspection', 'L4')).toBeUndefined();
    expect(log.byCorrelationId('inspection', 'L5')?.seq).toBe(5);
    expect(log.byCorrelationId('inspection', 'L11')).toBeUndefined();
    expect(log.recent('inspection', 100)).toHaveLength(ROWS - 2);
    const { due, through } = log.dueAfter({
      ...{ slot: 'inspection', afterSeq: 0, limit: 100 },
      ...{ untilMs: NOW_MS + ROWS, plausibleMs: NOW_MS + ROWS },
    });
    expect([due.length, through]).toEqual([ROWS - 2, ROWS]);
    expect(log.madeBetween('inspection', NOW_MS, NOW_MS + ROWS, 100)).toHaveLength(ROWS - 2);
    const shown = log.notable({ slot: 'inspection', raised: ({ label }) => label > 0, limit: 100 });
    expect(shown.map(({ seq }) => seq)).toEqual([3]);
  });

  it('loses its say among the evidence, whatever it says of its standing', async () => {
    const folder = await alteredStore('UPDATE feedback SET label = 6 WHERE seq = 2');
    const { store } = openTempStore({ folder });
    expect(store.predictions.labelOf(3)).toBeUndefined();
    expect(store.predictions.evidenceOf(3).map(({ rule }) => rule)).toEqual(['one']);
    const answer = {
      slot: 'inspection',
      timeMs: NOW_MS + 1,
      weight: 1,
      kind: 'explicit',
      evidence: '',
    } as const;
    await store.recorder.feedback([{ ...answer, predictionSeq: 3, label: 0, rule: 'three' }]);
    expect(store.predictions.labelOf(3)).toMatchObject({ label: 0, rule: 'three' });
    expect(seqsOf(store, 'feedback')).toEqual([1, 3]);
  });

  it('is left behind and counted when a damaged database is saved', async () => {
    const folder = await alteredStore(
      'UPDATE predictions SET label = 5 WHERE seq = 4',
      "UPDATE meta SET value = 'another' WHERE key = 'epoch'",
    );
    const { store, counters } = openTempStore({ folder });
    expect(counters.get('STORE_CORRUPT')).toBe(1);
    expect(seqsOf(store, 'predictions')).toEqual(
      Array.from({ length: ROWS }, (_, i) => i + 1).filter((seq) => seq !== 4),
    );
    expect(store.goneRecords).toBe(1);
    expect(counters.get('STORE_ROW_UNREADABLE')).toBe(0);
  });
});

describe('a number that changed on the disk', () => {
  it('is damage when rows behind it would not be found any more', async () => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    const bytes = readFileSync(path);
    // The head of the row: its length, its number, the length of its columns' types.
    const row = bytes.indexOf('L10') - 25;
    const at = bytes.subarray(row, row + 12).indexOf(Buffer.from([10, 12])) + row;
    bytes.writeUInt8(10 + 64, at);
    writeFileSync(path, bytes);
    let told = 0;
    const { store } = openTempStore({ folder, onReopen: () => (told += 1) });
    expect(() => seqsOf(store, 'predictions')).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    expect(told).toBe(1);
    await closeStore(store);
    const { store: saved } = openTempStore({ folder });
    const { length: kept } = seqsOf(saved, 'predictions');
    expect(kept + (saved.goneRecords ?? 0)).toBe(ROWS);
    expect(kept).toBeGreaterThan(ROWS - 6);
  });
});

describe('the small tables on which others rest', () => {
  it.each([
    "UPDATE contexts SET model = replace(model, 'a', 'b')",
    'UPDATE contexts SET propensity = 0.5',
    "UPDATE streams SET acked = 12 WHERE stream = 'predictions'",
    "UPDATE streams SET floor = 12 WHERE stream = 'predictions'",
    'UPDATE positions SET position = 12',
    "UPDATE positions SET slot = 'inspektion'",
    "UPDATE meta SET value = '0123456789abcdef' WHERE key = 'epoch'",
    "UPDATE meta SET value = '[{]' WHERE key = 'inherits'",
  ])('are put right by what the device knows besides: %s', async (sql) => {
    const { store: before } = openTempStore({ folder: await filledStore() });
    const known = before.predictions.bySeq(1);
    const { store, counters } = openTempStore({ folder: await alteredStore(sql) });
    expect(counters.get('STORE_CORRUPT')).toBe(1);
    expect(seqsOf(store, 'predictions')).toHaveLength(ROWS);
    const { model, tags, propensity } = store.predictions.bySeq(1) ?? {};
    expect({ model, tags, propensity }).toEqual({
      ...{ model: MODEL_A, tags: known?.tags, propensity: known?.propensity },
    });
    expect(store.predictions.position('inspection', 'line')).toBe(ROWS);
    expect([store.droppedUnacked(), store.goneRecords]).toEqual([0, 0]);
    expect(store.inherits).toHaveLength(1);
  });

  it('have an index that says the same as they do', async () => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    const sqlite = new BetterSqlite(path, { readonly: true });
    const page = sqlite
      .prepare("SELECT pageno FROM dbstat WHERE name = 'sqlite_autoindex_contexts_1'")
      .pluck();
    const from = (Number(page.get()) - 1) * 4096;
    sqlite.close();
    const bytes = readFileSync(path);
    const at = bytes.indexOf(MODEL_A, from);
    expect(at).toBeLessThan(from + 4096);
    bytes.write('b', at);
    writeFileSync(path, bytes);
    const { store, counters } = openTempStore({ folder });
    expect([counters.get('STORE_CORRUPT'), store.goneRecords]).toEqual([1, 0]);
    expect(store.predictions.bySeq(1)?.model).toBe(MODEL_A);
  });

  it('are not put right by a guide that changed on the disk itself', async () => {
    const folder = await alteredStore('UPDATE positions SET position = 12');
    const guide = join(folder, 'store.db.guide');
    const text = readFileSync(guide, 'utf8');
    expect(text).toContain(`["inspection","line",${ROWS},`);
    writeFileSync(guide, text.replace(`["inspection","line",${ROWS},`, '["inspection","line",21,'));
    const { store } = openTempStore({ folder });
    // Read again rather than passed over.
    expect(store.predictions.position('inspection', 'line')).toBe(0);
  });
});

describe('a store from before there were checksums', () => {
  const VERSION = 4;

  async function olderStore(): Promise<string> {
    const folder = tempFolder();
    const older = new BetterSqlite(join(folder, 'store.db'));
    for (const step of MIGRATIONS.slice(0, VERSION)) older.exec(step);
    older.exec(`
      INSERT INTO contexts VALUES (3, '00000001', 'inspection', '${MODEL_A}', 0, '{}', 1, 0, 1);
      INSERT INTO predictions VALUES (1, ${NOW_MS}, 3, 'L1', 0, 0.5, 9, 0, 0, NULL);
      INSERT INTO predictions VALUES (2, ${NOW_MS}, 3, 'L2', 1, 0.5, 9, 0, 0, x'0000803f');
      INSERT INTO feedback VALUES (1, ${NOW_MS}, 1, 'inspection', 1, 1, 1, 'operator', 'looked', 500, 0, NULL, 1);
      INSERT INTO metrics VALUES (1, ${NOW_MS}, 'm', NULL, 0.5);
      INSERT INTO events VALUES (1, ${NOW_MS}, 'k', 'info', NULL, 'words', '{}');
      INSERT INTO positions VALUES ('inspection', 'line', 2);
      INSERT INTO meta VALUES ('epoch', '0123456789abcdef');
      UPDATE streams SET acked = 1 WHERE stream = 'predictions';
    `);
    older.pragma(`user_version = ${VERSION}`);
    older.close();
    return folder;
  }

  it('goes on with all that it has, and takes rows without a checksum from no later time', async () => {
    const folder = await olderStore();
    const { store, counters } = openTempStore({ folder });
    expect([counters.get('STORE_CORRUPT'), store.streams.acked('metrics')]).toEqual([0, 0]);
    expect(store.inherits[0]).toMatchObject({ storeEpoch: '0123456789abcdef', heads: { predictions: 2 } });
    expect(store.streams.read('predictions', 0, 10).records).toMatchObject([{ seq: 2, features: [1] }]);
    for (const stream of ['feedback', 'metrics', 'events'] as const) expect(seqsOf(store, stream)[0]).toBe(1);
    expect(store.predictions.position('inspection', 'line')).toBe(2);
    expect(store.predictions.labelOf(1)).toMatchObject({ label: 1, rule: 'operator' });
    await record(store, [newPrediction({ correlationId: 'L3' }), newPrediction({ correlationId: 'L4' })], 4);
    await closeStore(store);

    const sqlite = new BetterSqlite(join(folder, 'store.db'));
    sqlite.exec('UPDATE predictions SET check_sum = NULL WHERE seq = 3');
    sqlite.close();
    const again = openTempStore({ folder });
    expect(seqsOf(again.store, 'predictions')).toEqual([2, 4]);
    expect(again.counters.get('STORE_ROW_UNREADABLE')).toBe(1);
  });

  it('is saved with its rows, also when its cursors are not what they were', async () => {
    const folder = await olderStore();
    const { store: first } = openTempStore({ folder });
    await record(first, [newPrediction({ correlationId: 'L3' })]);
    await closeStore(first);
    const sqlite = new BetterSqlite(join(folder, 'store.db'));
    sqlite.exec("UPDATE streams SET acked = 3 WHERE stream = 'predictions'");
    sqlite.close();
    const { store, counters } = openTempStore({ folder });
    expect([counters.get('STORE_CORRUPT'), store.droppedUnacked()]).toEqual([1, 0]);
    expect(seqsOf(store, 'predictions')).toEqual([2, 3]);
  });
});
