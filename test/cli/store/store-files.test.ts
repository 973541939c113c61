import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openPlain } from '../../../agent/store/database.ts';
import { exportPredictions } from '../../../cli/store/export-predictions.ts';
import { restoreStore } from '../../../cli/store/restore-store.ts';
import { openStoreFile } from '../../../cli/store/store-file.ts';
import { verifyStore } from '../../../cli/store/verify-store.ts';
import { verifyText } from '../../../cli/store/verify-text.ts';
import {
  closeStore,
  MODEL_A,
  MODEL_B,
  NOW_MS,
  newPrediction,
  openTempStore,
  record,
  tempFolder,
} from '../../agent/store/temp-store.ts';

const ROWS = 1000;

async function storeFile(): Promise<string> {
  const folder = tempFolder();
  const { store } = openTempStore({ folder });
  await record(
    store,
    Array.from({ length: ROWS }, (_, i) => newPrediction({ correlationId: `L${i + 1}`, timeMs: NOW_MS + i })),
  );
  store.streams.ack('predictions', 400);
  await record(store, [newPrediction()]);
  await closeStore(store);
  return join(folder, 'store.db');
}

function changed(path: string, sql: string): string {
  const sqlite = openPlain(path);
  sqlite.exec(sql);
  sqlite.close();
  return path;
}

function verdictOf(path: string) {
  const sqlite = openStoreFile(path);
  try {
    return verifyStore(sqlite);
  } finally {
    sqlite.close();
  }
}

describe('verifying a store', () => {
  it('finds a whole one sound', async () => {
    const path = await storeFile();
    const verdict = verdictOf(path);
    expect(verdict).toMatchObject({ sound: true, damage: [] });
    expect(verdict.streams[0]).toMatchObject({ records: ROWS + 1, first: 1, settled: 400, missing: 0 });
    expect(verifyText(path, verdict)).toContain('predictions: 1,001, numbers 1 to 1001; none missing');
  });

  it('tells which records are missing without a trace', async () => {
    const path = changed(await storeFile(), 'DELETE FROM predictions WHERE seq BETWEEN 391 AND 410');
    const verdict = verdictOf(path);
    expect(verdict.sound).toBe(false);
    // Ten of the twenty are at the server.
    expect(verdict.streams[0]).toMatchObject({ missing: 10, counted: 0, gaps: [{ from: 391, to: 410 }] });
    expect(verifyText(path, verdict)).toContain('10 missing (391 to 410), 10 of them without a trace');
  });

  it('takes what the device has dropped and counted for no damage', async () => {
    const sql = `DELETE FROM predictions WHERE seq < 500;
      UPDATE streams SET dropped = 99, check_sum = row_sum(stream, acked, floor, 99, unchecked_to)
      WHERE stream = 'predictions'`;
    const verdict = verdictOf(changed(await storeFile(), sql));
    expect(verdict).toMatchObject({ sound: true, streams: [{ missing: 99, counted: 99 }, {}, {}, {}] });
  });

  it('tells of values that are not what was written', async () => {
    const path = changed(await storeFile(), 'UPDATE predictions SET label = 3 WHERE seq IN (7, 500)');
    const verdict = verdictOf(path);
    expect(verdict).toMatchObject({
      sound: false,
      damage: [],
      streams: [{ altered: 2, missing: 0 }, {}, {}, {}],
    });
    expect(verifyText(path, verdict)).toContain('numbers 1 to 1001, 2 altered on the disk; none missing');
    const cursor = changed(await storeFile(), "UPDATE streams SET acked = 500 WHERE stream = 'predictions'");
    expect(verdictOf(cursor).damage).toEqual([expect.stringContaining('a row of streams')]);
  });

  it('tells of damaged pages', async () => {
    const path = await storeFile();
    const bytes = readFileSync(path);
    const page = new BetterSqlite(path, { readonly: true });
    const leaf = page
      .prepare("SELECT max(pageno) FROM dbstat WHERE name = 'predictions_by_part'")
      .pluck()
      .get();
    page.close();
    bytes.fill(0, (Number(leaf) - 1) * 4096, Number(leaf) * 4096);
    writeFileSync(path, bytes);
    const verdict = verdictOf(path);
    expect(verdict.sound).toBe(false);
    expect(verdict.damage.length).toBeGreaterThan(0);
    expect(verifyText(path, verdict)).toContain('saves what can be read');
  });

  it.each([
    ['is not there', () => join(tempFolder(), 'none.db')],
    ['is no store of a device', () => changed(join(tempFolder(), 'other.db'), 'CREATE TABLE a (b)')],
  ])('refuses a file that %s', (why, path) => {
    expect(() => openStoreFile(path())).toThrow(
      expect.objectContaining({ code: 'STORE_UNREADABLE', message: expect.stringContaining(why) }),
    );
  });

  it.each([
    'CREATE VIRTUAL TABLE more USING fts5(words)',
    'CREATE VIEW more AS SELECT 1',
    'CREATE TRIGGER more AFTER INSERT ON events BEGIN SELECT 1; END',
  ])('refuses a store to which somebody added code: %s', async (sql) => {
    const { store } = openTempStore();
    const path = join(tempFolder(), 'backup.db');
    await store.backUp(path);
    openStoreFile(path).close();
    changed(path, sql);
    expect(() => openStoreFile(path)).toThrow(expect.objectContaining({ code: 'STORE_UNREADABLE' }));
  });

  it('refuses the file of a running agent, with what to do', async () => {
    const folder = tempFolder();
    const { store } = openTempStore({ folder });
    await record(store, [newPrediction()]);
    const path = join(folder, 'store.db');
    const refusal = expect.objectContaining({
      code: 'STORE_UNREADABLE',
      hint: expect.stringContaining('agent'),
    });
    expect(() => openStoreFile(path)).toThrow(refusal);
    const backup = join(tempFolder(), 'backup.db');
    await store.backUp(backup);
    expect(() => restoreStore(backup, folder)).toThrow(expect.objectContaining({ code: 'STORE_LOCKED' }));
  });
});

describe('exporting a store', () => {
  async function labelled() {
    const folder = tempFolder();
    const { store } = openTempStore({ folder });
    const shadow = { model: MODEL_B, label: 1, score: 0.25, latencyUs: 9 };
    const [first] = await record(store, [
      newPrediction({
        correlationId: 'a "quoted", part',
        features: Float32Array.of(1, 0.5),
        tags: { shift: 'late' },
        shadow,
      }),
      newPrediction({ slot: 'inspection', timeMs: NOW_MS + 5000 }),
    ]);
    const answer = { predictionSeq: first?.seq ?? 0, slot: 'inspection', timeMs: NOW_MS, weight: 1 };
    await store.recorder.feedback([
      { ...answer, kind: 'implicit', label: 0, rule: 'quiet', evidence: 'nothing' },
      { ...answer, kind: 'explicit', label: 1, rule: 'operator', evidence: 'looked' },
    ]);
    await closeStore(store);
    return { sqlite: openStoreFile(join(folder, 'store.db')), id: first?.id };
  }

  it('writes each prediction with the label that stands, also that of a shadow', async () => {
    const { sqlite, id } = await labelled();
    const path = join(tempFolder(), 'out.ndjson');
    const file = { path, format: 'ndjson', replace: false, onProgress: () => undefined } as const;
    expect(exportPredictions(sqlite, { slot: undefined, sinceMs: undefined }, file)).toBe(3);
    const rows = readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows[0]).toEqual({
      ...{ id, time: new Date(NOW_MS).toISOString(), slot: 'inspection', model: MODEL_A, role: 'champion' },
      ...{ correlationId: 'a "quoted", part', label: 0, score: 0.5, latencyUs: 120, health: 0 },
      ...{ tags: { shift: 'late' }, propensity: 1, explored: false, keptShare: 1, features: [1, 0.5] },
      ...{ truth: 1, truthKind: 'explicit', truthRule: 'operator', truthEvidence: 'looked' },
    });
    expect(rows[1]).toMatchObject({ role: 'shadow', model: MODEL_B, truth: 1 });
    expect(rows[2]).toMatchObject({ truth: null, truthKind: null, features: null });
    expect(() => exportPredictions(sqlite, { slot: undefined, sinceMs: undefined }, file)).toThrow(
      expect.objectContaining({ code: 'OUTPUT_EXISTS' }),
    );
    sqlite.close();
  });

  it('leaves out what is not what was written: a prediction, or the label of one', async () => {
    const { sqlite } = await labelled();
    const { name } = sqlite;
    sqlite.close();
    changed(
      name,
      'UPDATE predictions SET score = 0.75 WHERE seq = 3; UPDATE feedback SET label = 4 WHERE seq = 2',
    );
    const path = join(tempFolder(), 'out.ndjson');
    const altered = openStoreFile(name);
    const file = { path, format: 'ndjson', replace: false, onProgress: () => undefined } as const;
    expect(exportPredictions(altered, { slot: undefined, sinceMs: undefined }, file)).toBe(2);
    expect(readFileSync(path, 'utf8').match(/"truth":null/g)).toHaveLength(2);
    altered.close();
  });

  it('writes CSV that keeps what has commas and quotes, of one slot and time', async () => {
    const { sqlite } = await labelled();
    const path = join(tempFolder(), 'out.csv');
    const file = { path, format: 'csv', replace: true, onProgress: () => undefined } as const;
    expect(exportPredictions(sqlite, { slot: 'inspection', sinceMs: NOW_MS + 1 }, file)).toBe(1);
    expect(exportPredictions(sqlite, { slot: 'other', sinceMs: undefined }, file)).toBe(0);
    expect(exportPredictions(sqlite, { slot: undefined, sinceMs: undefined }, file)).toBe(3);
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines[0]?.split(',').slice(0, 4)).toEqual(['id', 'time', 'slot', 'model']);
    expect(lines[1]).toContain('"a ""quoted"", part"');
    expect(lines[1]?.endsWith('"[1,0.5]"')).toBe(true);
    sqlite.close();
  });
});

describe('restoring a store', () => {
  it('puts a backup in its place, never with the log of what was there, which is kept', async () => {
    const folder = tempFolder();
    const { store } = openTempStore({ folder });
    await record(store, [newPrediction()]);
    const backup = join(tempFolder(), 'backup.db');
    await store.backUp(backup);
    await closeStore(store);
    const path = join(folder, 'store.db');
    writeFileSync(`${path}-wal`, 'a log that a kill left');
    expect(restoreStore(backup, folder)).toBe(`${path}.replaced`);
    expect([existsSync(`${path}-wal`), existsSync(`${path}.replaced-wal`)]).toEqual([false, true]);
    expect(openTempStore({ folder }).store.inherits).toHaveLength(1);
  });
});
