/** The identity of a database file: its epoch, and how a copy put in its place is told from the file itself. */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Sqlite } from './database.ts';

export interface Epoch {
  readonly epoch: string;
  /** `kept`: the file we left; `new`: a fresh file; `restored`: an older copy was put in its place. */
  readonly origin: 'kept' | 'new' | 'restored';
}

/**
 * A restored copy would give out seqs that the server already knows for other records, so it needs an epoch of its own.
 * A copy has another inode or birth time than the file that the last run wrote down. Inside a transaction only.
 */
export function readEpoch(sqlite: Sqlite, path: string): Epoch {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  const file = `${ino}-${birthtimeNs}`;
  const get = sqlite.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();
  const known = get.get('epoch');
  if (known !== undefined && get.get('file') === file) return { epoch: known, origin: 'kept' };
  const epoch = randomBytes(8).toString('hex');
  const set = sqlite.prepare(
    'INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  set.run('epoch', epoch);
  set.run('file', file);
  // What the old epoch had acknowledged is never sent again; a server that knows nothing of the new one sees a gap.
  sqlite.exec('UPDATE streams SET floor = max(floor, acked), acked = 0');
  return { epoch, origin: known === undefined ? 'new' : 'restored' };
}
