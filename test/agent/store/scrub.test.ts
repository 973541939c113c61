import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Scrub } from '../../../agent/store/scrub.ts';
import { Counters } from '../../../daemon/counters.ts';
import { closeStore, newPrediction, openTempStore, record, tempFolder } from './temp-store.ts';

const ROWS = 5000;
const PAGE_BYTES = 4096;

afterEach(() => void vi.useRealTimers());

async function filledFile(): Promise<string> {
  const folder = tempFolder();
  const { store } = openTempStore({ folder });
  await record(
    store,
    Array.from({ length: ROWS }, (_, i) => newPrediction({ correlationId: `L${i}` })),
  );
  await closeStore(store);
  return join(folder, 'store.db');
}

/** One walk over the whole file. */
function scrubbed(path: string): { damages: number; unsound: number[]; counters: Counters } {
  vi.useFakeTimers();
  const counters = new Counters();
  let damages = 0;
  const unsound: number[] = [];
  const sqlite = new BetterSqlite(path);
  const scrub = new Scrub(sqlite, { firstMs: 1, everyMs: 60_000 }, counters, {
    onDamage: () => (damages += 1),
    onUnsound: (rows) => unsound.push(rows),
  });
  scrub.start();
  vi.advanceTimersByTime(10_000);
  scrub.stop();
  sqlite.close();
  return { damages, unsound, counters };
}

function leafInTheMiddle(path: string, name: string): number {
  const sqlite = new BetterSqlite(path, { readonly: true });
  const pages = sqlite
    .prepare<[string], number>("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'")
    .pluck()
    .all(name);
  sqlite.close();
  return pages[Math.floor(pages.length / 2)] ?? 0;
}

function change(path: string, work: (page: Buffer) => void, table = 'predictions'): void {
  const bytes = readFileSync(path);
  const from = (leafInTheMiddle(path, table) - 1) * PAGE_BYTES;
  work(bytes.subarray(from, from + PAGE_BYTES));
  writeFileSync(path, bytes);
}

describe('the walk over all rows', () => {
  it('ends without a word when all is well', async () => {
    const { damages, unsound, counters } = scrubbed(await filledFile());
    expect([damages, unsound, counters.get('store.scrubbed')]).toEqual([0, [], 1]);
  });

  it('finds a page that cannot be read', async () => {
    const path = await filledFile();
    change(path, (page) => page.fill(0));
    expect(scrubbed(path).damages).toBe(1);
  });

  it('finds rows that a search would miss, which SQLite reads without an error', async () => {
    const path = await filledFile();
    // The first two places of the page change theirs: its rows are out of order.
    change(path, (page) => {
      const [first, second] = [page.readUInt16BE(8), page.readUInt16BE(10)];
      page.writeUInt16BE(second, 8);
      page.writeUInt16BE(first, 10);
    });
    expect(scrubbed(path).damages).toBe(1);
  });

  it('counts rows that no longer hold what was written, which are no damage of the file', async () => {
    const path = await filledFile();
    change(path, (page) => turnBit(page, page.indexOf('L', page.length - 20)));
    const { damages, unsound, counters } = scrubbed(path);
    expect([damages, unsound, counters.get('store.scrubbed')]).toEqual([0, [1], 1]);
  });

  it('finds a row that its index would miss', async () => {
    const path = await filledFile();
    change(path, (page) => turnBit(page, page.indexOf('L', page.length - 20)), 'predictions_by_part');
    expect(scrubbed(path).damages).toBe(1);
  });
});

function turnBit(page: Buffer, at: number): void {
  page.writeUInt8(page.readUInt8(at) ^ 1, at);
}
