import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Counters } from '../../../agent/counters.ts';
import { Scrub } from '../../../agent/store/scrub.ts';
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
function scrubbed(path: string): { damages: number; counters: Counters } {
  vi.useFakeTimers();
  const counters = new Counters();
  let damages = 0;
  const sqlite = new BetterSqlite(path);
  const scrub = new Scrub(sqlite, { firstMs: 1, everyMs: 60_000 }, counters, () => (damages += 1));
  scrub.start();
  vi.advanceTimersByTime(10_000);
  scrub.stop();
  sqlite.close();
  return { damages, counters };
}

function leafInTheMiddle(path: string): number {
  const sqlite = new BetterSqlite(path, { readonly: true });
  const pages = sqlite
    .prepare<[], number>("SELECT pageno FROM dbstat WHERE name = 'predictions' AND pagetype = 'leaf'")
    .pluck()
    .all();
  sqlite.close();
  return pages[Math.floor(pages.length / 2)] ?? 0;
}

function change(path: string, work: (page: Buffer) => void): void {
  const bytes = readFileSync(path);
  const from = (leafInTheMiddle(path) - 1) * PAGE_BYTES;
  work(bytes.subarray(from, from + PAGE_BYTES));
  writeFileSync(path, bytes);
}

describe('the walk over all rows', () => {
  it('ends without a word when all is well', async () => {
    const { damages, counters } = scrubbed(await filledFile());
    expect([damages, counters.get('store.scrubbed')]).toEqual([0, 1]);
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
});
