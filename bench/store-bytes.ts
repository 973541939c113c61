/** Bytes a prediction: of the file, and of what its commits make the kernel write, against a table of JSON rows. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { pino } from 'pino';
import { systemClock } from '../agent/clock.ts';
import { openStore } from '../agent/store/open-store.ts';
import type { NewPrediction } from '../agent/store/records.ts';
import type { Store } from '../agent/store/store.ts';
import { Counters } from '../daemon/counters.ts';

export interface Written {
  /** Of the database file once it is closed, a prediction. */
  readonly diskBytes: number;
  /** Handed to the block layer by this process (`write_bytes` of /proc/self/io), a prediction: log, file and all. */
  readonly flashBytes: number;
}

export interface Play {
  readonly predictions: number;
  /** Predictions that come so close together that they share a commit. */
  readonly together: number;
  readonly make: (i: number) => NewPrediction;
}

const MAX_BYTES = 4 * 1024 ** 3;

/** Records as the pipeline does, each commit durable before the next begins. */
export async function writtenByStore({ predictions, together, make }: Play): Promise<Written> {
  return measured(predictions, async (folder) => {
    const store = openBenchStore(folder);
    for (let done = 0; done < predictions; done += together) {
      const rows = Array.from({ length: Math.min(together, predictions - done) }, (_, i) => make(done + i));
      const position = done + rows.length;
      await store.recorder.predictions({ slot: 'bench', source: 'line', position, predictions: rows });
    }
    await store.close();
    return join(folder, 'store.db');
  });
}

/** As one writes it first: a row of JSON for each prediction, in a transaction of its own that is durable. */
export function writtenNaively({ predictions, make }: Omit<Play, 'together'>): Promise<Written> {
  return measured(predictions, (folder) => {
    const path = join(folder, 'naive.db');
    const sqlite = new BetterSqlite(path);
    sqlite.pragma('journal_mode = WAL');
    sqlite.pragma('synchronous = FULL');
    sqlite.exec('CREATE TABLE predictions (id INTEGER PRIMARY KEY, json TEXT NOT NULL)');
    const insert = sqlite.prepare('INSERT INTO predictions (json) VALUES (?)');
    for (let i = 0; i < predictions; i++) {
      const { features, ...rest } = make(i);
      insert.run(JSON.stringify({ ...rest, features: features && [...features] }));
    }
    sqlite.close();
    return path;
  });
}

export function openBenchStore(folder: string): Store {
  return openStore({
    folder,
    maxBytes: MAX_BYTES,
    commitWithinMs: 0,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    counters: new Counters(),
  });
}

async function measured(
  predictions: number,
  write: (folder: string) => string | Promise<string>,
): Promise<Written> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-bench-store-'));
  try {
    const before = writeBytes();
    const file = await write(folder);
    return {
      diskBytes: statSync(file).size / predictions,
      flashBytes: (writeBytes() - before) / predictions,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeBytes(): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}
