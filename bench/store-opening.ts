/** How long a store of millions of rows takes to open, against SQLite opening the same file and looking at its last row. */
import { cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import type { NewPrediction } from '../agent/store/records.ts';
import { median } from './result.ts';
import { openBenchStore } from './store-bytes.ts';

export interface Opening {
  readonly storeMs: number;
  /** The log of the last run is still there, as after a kill. */
  readonly killedStoreMs: number;
  readonly bareMs: number;
  /** SQLite's own look at every page of the file. */
  readonly quickCheckMs: number;
  readonly fileBytes: number;
}

const ROUNDS = 7;
const ROWS_A_BATCH = 2048;

export async function measureOpening(rows: number, make: (i: number) => NewPrediction): Promise<Opening> {
  const parent = mkdtempSync(join(tmpdir(), 'andon-bench-opening-'));
  const [folder, killed] = [join(parent, 'closed'), join(parent, 'killed')];
  try {
    const path = join(folder, 'store.db');
    const store = openBenchStore(folder);
    for (let done = 0; done < rows; done += ROWS_A_BATCH) {
      const count = Math.min(ROWS_A_BATCH, rows - done);
      const predictions = Array.from({ length: count }, (_, i) => make(done + i));
      await store.recorder.predictions({ slot: 'bench', source: 'line', position: null, predictions });
    }
    // What a kill leaves: file and log as they are on the disk now.
    cpSync(folder, killed, { recursive: true });
    await store.close();
    const times = { store: [] as number[], killed: [] as number[], bare: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.store.push(await openedIn(folder));
      times.bare.push(bareIn(path));
    }
    times.killed.push(await openedIn(killed));
    return {
      storeMs: median(times.store),
      killedStoreMs: median(times.killed),
      bareMs: median(times.bare),
      quickCheckMs: quickCheckIn(path),
      fileBytes: statSync(path).size,
    };
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}

/** Until it can be read and written. @returns ms */
async function openedIn(folder: string): Promise<number> {
  const started = performance.now();
  const store = openBenchStore(folder);
  const ms = performance.now() - started;
  await store.close();
  return ms;
}

function bareIn(path: string): number {
  const started = performance.now();
  const sqlite = new BetterSqlite(path);
  const last = sqlite.prepare('SELECT max(seq) FROM predictions').pluck().get();
  const ms = performance.now() - started;
  if (typeof last !== 'number') throw new Error('no rows');
  sqlite.close();
  return ms;
}

function quickCheckIn(path: string): number {
  const sqlite = new BetterSqlite(path, { readonly: true });
  const started = performance.now();
  const verdict = sqlite.pragma('quick_check(1)', { simple: true });
  const ms = performance.now() - started;
  sqlite.close();
  if (verdict !== 'ok') throw new Error(String(verdict));
  return ms;
}
