/** What a database says of itself: a text under a key, with the row's checksum. Inside a transaction where more than one is written. */
import type { Sqlite } from './database.ts';
import { rowSum } from './row-sum.ts';

export function readMeta(sqlite: Sqlite, key: string): string | undefined {
  return sqlite.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck().get(key);
}

export function writeMeta(sqlite: Sqlite, key: string, value: string): void {
  sqlite.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?, ?)').run(key, value, rowSum([key, value]));
}

export function forgetMeta(sqlite: Sqlite, key: string): void {
  sqlite.prepare('DELETE FROM meta WHERE key = ?').run(key);
}
