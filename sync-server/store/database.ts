/** Opens the server's SQLite file: durable settings, one server a file, schema brought up to date. The only importer of better-sqlite3 here. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { codeOf } from '../../protocol/errors.ts';
import { serverError } from '../errors.ts';
import { migrations } from './migrations.ts';

export type Sqlite = BetterSqlite3.Database;
export type Statement<Params extends unknown[], Row = unknown> = BetterSqlite3.Statement<Params, Row>;

export interface Database {
  readonly sqlite: Sqlite;
  close(): void;
}

/**
 * @param file made with its folder when missing
 * @throws CodedError STORE_LOCKED when another server has it, STORE_CORRUPT when it is damaged, STORE_UNWRITABLE when it
 * cannot be opened or written
 */
export function openDatabase(file: string): Database {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const lock = takeLock(`${file}.lock`);
    try {
      const sqlite = openSqlite(file);
      return {
        sqlite,
        close: () => {
          sqlite.close();
          lock.close();
        },
      };
    } catch (error) {
      lock.close();
      throw error;
    }
  } catch (cause) {
    throw explain(cause, file);
  }
}

/**
 * For a command, whether the server runs or not. While it runs, its schema stays as it is.
 * @param file of a server that ran before
 * @throws CodedError STORE_CORRUPT, STORE_UNWRITABLE
 */
export function openBesideServer(file: string): Database {
  if (!existsSync(file)) {
    throw serverError('STORE_UNWRITABLE', `there is no ${file}`, {
      hint: 'Name the dataDir of a server that ran once.',
    });
  }
  try {
    return openDatabase(file);
  } catch (error) {
    if (codeOf(error) !== 'STORE_LOCKED') throw error;
  }
  try {
    const sqlite = openSqlite(file, requireSameSchema);
    return { sqlite, close: () => sqlite.close() };
  } catch (cause) {
    throw explain(cause, file);
  }
}

function openSqlite(file: string, bringUp = migrate): Sqlite {
  const sqlite = new BetterSqlite3(file);
  try {
    sqlite.pragma('journal_mode = WAL');
    // An acknowledgement means "on disk": each commit is fsynced.
    sqlite.pragma('synchronous = FULL');
    sqlite.pragma('foreign_keys = ON');
    bringUp(sqlite, file);
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** An exclusive lock for as long as the process lives, while others may still read the data file itself. */
function takeLock(file: string): Sqlite {
  const lock = new BetterSqlite3(file, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    throw error;
  }
  return lock;
}

function migrate(sqlite: Sqlite, file: string): void {
  const version = Number(sqlite.pragma('user_version', { simple: true }));
  if (version > migrations.length) {
    throw serverError('STORE_UNWRITABLE', `${file} was written by a newer server (schema ${version})`, {
      hint: 'Start the newer server, or name another dataDir.',
    });
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue;
    sqlite.transaction(() => {
      sqlite.exec(sql);
      sqlite.pragma(`user_version = ${index + 1}`);
    })();
  }
}

function requireSameSchema(sqlite: Sqlite, file: string): void {
  if (Number(sqlite.pragma('user_version', { simple: true })) === migrations.length) return;
  throw serverError(
    'STORE_UNWRITABLE',
    `the server that uses ${file} is of another version than this command`,
    {
      hint: 'Use the command that came with that server, or stop the server first.',
    },
  );
}

function explain(cause: unknown, file: string): unknown {
  const code = codeOf(cause);
  if (code === 'STORE_UNWRITABLE') return cause;
  if (code.startsWith('SQLITE_BUSY')) {
    return serverError('STORE_LOCKED', `another server is using ${file}`, {
      hint: 'Stop it first, or give this one another dataDir.',
      cause,
    });
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return serverError('STORE_CORRUPT', `${file} is damaged: ${(cause as Error).message}`, {
      hint: 'Put a backup of it back, or move it away to begin anew: devices send again what they still hold.',
      cause,
    });
  }
  return serverError('STORE_UNWRITABLE', `cannot open ${file}: ${(cause as Error).message}`, {
    hint: 'Check that the folder exists, may be written by this user, and that the disk is not full.',
    cause,
  });
}
