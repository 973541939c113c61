/** Opens a database of a device that no agent has open: a backup, or the store of an agent that has ended. */
import { existsSync } from 'node:fs';
import { openPlain, type Sqlite } from '../../agent/store/database.ts';
import { MIGRATIONS } from '../../agent/store/migrations.ts';
import { codeOf } from '../../protocol/errors.ts';
import { cliError } from '../errors.ts';

/** Read only. @throws CodedError STORE_UNREADABLE */
export function openStoreFile(path: string): Sqlite {
  if (!existsSync(path))
    throw unreadable(path, 'is not there', 'Name a backup, or store.db in the data folder of an agent.');
  let sqlite: Sqlite | undefined;
  try {
    sqlite = openPlain(path, { readonly: true });
    const version = sqlite.pragma('user_version', { simple: true }) as number;
    const isOurs = hasPlainPredictions(sqlite);
    if (version === MIGRATIONS.length && isOurs) return sqlite;
    sqlite.close();
    if (!isOurs)
      throw unreadable(path, 'is no store of a device', 'Name a backup, or store.db of a data folder.');
    throw unreadable(
      path,
      `has version ${version}, this program knows ${MIGRATIONS.length}`,
      'Use the andon command of the version that wrote it.',
    );
  } catch (cause) {
    sqlite?.close();
    const code = codeOf(cause);
    if (code === 'STORE_UNREADABLE') throw cause;
    if (code.startsWith('SQLITE_BUSY')) {
      throw unreadable(
        path,
        'is in use',
        'Its agent runs: leave the file out, and a copy is asked of the agent.',
        cause,
      );
    }
    throw unreadable(
      path,
      `cannot be read (${code})`,
      'If it is damaged: an agent that starts with it saves what it can.',
      cause,
    );
  }
}

/** Views, triggers and virtual tables run code of SQLite's that a crafted file could turn against the reader; a store has none. */
function hasPlainPredictions(sqlite: Sqlite): boolean {
  const [predictions, others] = sqlite
    .prepare<[], [number, number]>(
      `SELECT count(*) FILTER (WHERE type = 'table' AND name = 'predictions'), count(*) FILTER (WHERE coalesce(rootpage, 0) = 0)
       FROM sqlite_schema`,
    )
    .raw()
    .get() ?? [0, 0];
  return predictions === 1 && others === 0;
}

function unreadable(path: string, why: string, hint: string, cause?: unknown) {
  return cliError('STORE_UNREADABLE', `${path} ${why}.`, { hint, ...(cause === undefined ? {} : { cause }) });
}
