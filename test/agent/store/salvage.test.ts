import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { STREAMS } from '../../../protocol/records.ts';
import { waitFor } from '../../support/wait-for.ts';
import { closeStore, NOW_MS, newPrediction, openTempStore, record, tempFolder } from './temp-store.ts';

const PAGE_BYTES = 4096;
const ROWS = 6000;
const ACKED = 2000;

/** A store with rows in every table, of which a server has the first. @returns its folder, closed well */
async function filledStore(): Promise<string> {
  const folder = tempFolder();
  const { store } = openTempStore({ folder });
  for (let i = 0; i < ROWS; i += 500) {
    const rows = Array.from({ length: 500 }, (_, k) =>
      newPrediction({
        correlationId: `L${i + k + 1}`,
        timeMs: NOW_MS + i + k,
        features: new Float32Array(8),
      }),
    );
    await record(store, rows, i + 500);
  }
  store.states.set('slot/inspection', { kept: true });
  await store.recorder.events([
    { timeMs: NOW_MS, kind: 'test', severity: 'info', slot: null, message: 'one', data: {} },
  ]);
  store.streams.ack('predictions', ACKED);
  await closeStore(store);
  return folder;
}

function damagePages(path: string, pages: readonly number[]): void {
  const bytes = readFileSync(path);
  for (const page of pages) bytes.fill(0xff, (page - 1) * PAGE_BYTES, page * PAGE_BYTES);
  writeFileSync(path, bytes);
}

/** Pages of a table or index, those with rows apart from those that lead to them. */
function pagesOf(path: string, name: string, type: 'leaf' | 'internal'): number[] {
  const sqlite = new BetterSqlite(path, { readonly: true });
  const pages = sqlite
    .prepare<[string, string], number>(
      'SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno',
    )
    .pluck()
    .all(name, type);
  sqlite.close();
  return pages;
}

/** Seqs that the store would send. */
function unsent(store: ReturnType<typeof openTempStore>['store']): number[] {
  const seqs: number[] = [];
  for (let after = 0; ; ) {
    const { records } = store.streams.read('predictions', after, 1000);
    const last = records.at(-1);
    if (!last) return seqs;
    seqs.push(...records.map(({ seq }) => seq));
    for (const { seq, correlationId } of records) expect(correlationId).toBe(`L${seq}`);
    after = last.seq;
  }
}

describe('a database with bad pages', () => {
  it.each([
    ['one in the middle', (leaves: number[]) => leaves.slice(70, 71)],
    ['the first and the last', (leaves: number[]) => [leaves[0] ?? 0, leaves.at(-1) ?? 0]],
    ['every tenth', (leaves: number[]) => leaves.filter((_, i) => i % 10 === 5)],
  ])('goes on with all that can be read, and counts the rest: %s', async (_, choose) => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    const bad = choose(pagesOf(path, 'predictions', 'leaf'));
    damagePages(path, bad);
    writeFileSync(`${path}.suspect`, '');

    const { store, counters } = openTempStore({ folder });
    const left = unsent(store);
    expect(store.droppedUnacked()).toBe(ROWS - ACKED - left.length);
    // A page holds some 60 of these rows.
    expect(left.length).toBeGreaterThan(ROWS - ACKED - 70 * bad.length);
    expect(Math.min(...left)).toBeGreaterThan(ACKED);
    expect(counters.get('STORE_CORRUPT')).toBe(1);
    expect(store.states.get('slot/inspection')).toEqual({ kept: true });
    expect(store.predictions.position('inspection', 'line')).toBe(ROWS);
    expect(store.inherits[0]?.heads.predictions).toBeGreaterThan(ACKED);
    // The labels of a prediction that is gone must not come upon another.
    expect((await record(store, [newPrediction({ correlationId: `L${ROWS + 1}` })]))[0]?.seq).toBe(ROWS + 1);
    await waitFor('the event', () => store.streams.head('events') === 2);
    const [told] = store.streams.read('events', 1, 1).records;
    expect(told).toMatchObject({ kind: 'store-salvaged', severity: 'alarm' });
    expect(told?.data['gone-predictions']).toBe(ROWS - ACKED - left.length);
    expect(readdirSync(folder).filter((name) => /corrupt|salvaging|suspect/.test(name))).toEqual([
      'store.db.corrupt-1',
    ]);
  });

  it('loses nothing when only its first page is unreadable', async () => {
    const folder = await filledStore();
    damagePages(join(folder, 'store.db'), [1]);
    const { store, counters } = openTempStore({ folder });
    expect(counters.get('STORE_CORRUPT')).toBe(1);
    expect(unsent(store)).toHaveLength(ROWS - ACKED);
    expect(store.droppedUnacked()).toBe(0);
  });

  it('loses nothing when the name of a column is another', async () => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    const bytes = readFileSync(path);
    bytes.write('p', bytes.indexOf('correlation_id TEXT'));
    writeFileSync(path, bytes);
    const { store, counters } = openTempStore({ folder });
    expect(counters.get('STORE_CORRUPT')).toBe(1);
    expect(unsent(store)).toHaveLength(ROWS - ACKED);
  });

  it('loses nothing when only an index is', async () => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    damagePages(path, pagesOf(path, 'predictions_by_part', 'leaf'));
    writeFileSync(`${path}.suspect`, '');
    const { store } = openTempStore({ folder });
    expect(unsent(store)).toHaveLength(ROWS - ACKED);
    expect(store.predictions.byCorrelationId('inspection', 'L5000')?.seq).toBe(5000);
  });

  it('counts all that was not sent when nothing can be read', async () => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    truncateSync(path, PAGE_BYTES);
    const { store } = openTempStore({ folder });
    expect(unsent(store)).toHaveLength(0);
    expect(store.droppedUnacked()).toBeGreaterThanOrEqual(ROWS - ACKED);
  });

  it('is saved again after a salvage that was cut off before its end', async () => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    damagePages(path, pagesOf(path, 'predictions', 'leaf').slice(70, 71));
    writeFileSync(`${path}.suspect`, '');
    writeFileSync(`${path}.salvaging`, 'half a database');
    expect(unsent(openTempStore({ folder }).store).length).toBeGreaterThan(ROWS - ACKED - 70);
  });

  it('has its name again when the power went between the two renames', async () => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    copyFileSync(path, `${path}.salvaging`);
    truncateSync(path, 0);
    const { renameSync } = await import('node:fs');
    renameSync(path, `${path}.corrupt-1`);
    expect(unsent(openTempStore({ folder }).store)).toHaveLength(ROWS - ACKED);
  });
});

describe('a write-ahead log with a flipped bit', () => {
  /** As a kill leaves it: file and log, of many transactions. */
  async function killedStore(): Promise<string> {
    const folder = tempFolder();
    const { store } = openTempStore({ folder });
    for (let i = 1; i <= 100; i++) await record(store, [newPrediction({ correlationId: `L${i}` })]);
    const copy = tempFolder();
    for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(copy, name));
    await closeStore(store);
    return copy;
  }

  function flip(path: string, share: number): void {
    const bytes = readFileSync(path);
    const at = Math.floor(bytes.length * share);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
    writeFileSync(path, bytes);
  }

  it('costs at most the rows of one page, where SQLite alone would drop every later transaction', async () => {
    const folder = await killedStore();
    flip(join(folder, 'store.db-wal'), 0.5);
    const bare = tempFolder();
    for (const name of ['store.db', 'store.db-wal']) copyFileSync(join(folder, name), join(bare, name));
    const sqlite = new BetterSqlite(join(bare, 'store.db'));
    expect(sqlite.prepare('SELECT count(*) FROM predictions').pluck().get()).toBeLessThan(60);
    sqlite.close();

    const { store, counters } = openTempStore({ folder });
    expect(counters.get('STORE_CORRUPT')).toBe(1);
    expect(unsent(store)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  it('is taken for what a power cut leaves in its last transaction', async () => {
    const folder = await killedStore();
    const log = join(folder, 'store.db-wal');
    truncateSync(log, readFileSync(log).length - 100);
    const { store, counters } = openTempStore({ folder });
    expect(counters.get('STORE_CORRUPT')).toBe(0);
    expect(unsent(store)).toEqual(Array.from({ length: 99 }, (_, i) => i + 1));
  });
});

describe('damage that shows while the store is open', () => {
  it('is told once, by whatever finds it, and saved at the next opening', async () => {
    const folder = await filledStore();
    const path = join(folder, 'store.db');
    const leaves = pagesOf(path, 'predictions', 'leaf');
    let told = 0;
    const { store } = openTempStore({ folder, onReopen: () => (told += 1) });
    damagePages(path, leaves.slice(70, 72));
    for (let i = 0; i < 2; i++) {
      expect(() => store.streams.read('predictions', 0, ROWS)).toThrow(
        expect.objectContaining({ code: expect.stringContaining('CORRUPT') }),
      );
    }
    expect(told).toBe(1);
    await closeStore(store);
    expect(existsSync(`${path}.suspect`)).toBe(true);
    const again = openTempStore({ folder }).store;
    expect(again.epoch).not.toBe(store.epoch);
    expect(unsent(again).length + again.droppedUnacked()).toBe(ROWS - ACKED);
    for (const stream of STREAMS) expect(again.streams.acked(stream)).toBe(0);
  });
});
