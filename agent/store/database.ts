/** Opens the SQLite file of the device; the only file of the agent that imports better-sqlite3. */
import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { agentError } from '../errors.ts';
import { syncFolder } from './file-sync.ts';
import { keepBeforeMigration, type NoRoom } from './migration-copy.ts';
import { MIGRATIONS } from './migrations.ts';
import { type RowValue, rowSum } from './row-sum.ts';
import { isCorrupt, storeError } from './store-error.ts';

export type Sqlite = BetterSqlite.Database;
export type Statement<Bind extends unknown[] = unknown[], Row = unknown> = BetterSqlite.Statement<Bind, Row>;

/** A smaller page would write less for a lone commit, and a power cut could then tear a neighbour in its sector that no log holds. */
export const PAGE_BYTES = 4096;

/**
 * Pages that SQLite keeps in memory. With 16 MiB commits in order, look-ups and flash cost the same; with 2, rows whose part
 * numbers come in no order cost a third more processor at full speed.
 */
const CACHE_BYTES = 4 * 1024 * 1024;

export interface DatabaseLimits {
  /** The file never grows beyond it: SQLite answers SQLITE_FULL. A file that is larger already stays readable. */
  readonly maxBytes: number;
  /** Size from which the write-ahead log is folded back into the file. */
  readonly logBytes: number;
}

/**
 * One connection that owns its file (a second one gets STORE_LOCKED), in WAL mode.
 *
 * Commits run with synchronous=NORMAL, which leaves out exactly one thing that FULL does: the fsync of the WAL after
 * each commit. `sync` does that fsync, on a thread of libuv's pool, so that a slow disk never holds up the event loop. A
 * commit counts as durable only after it.
 */
export class Database {
  readonly sqlite: Sqlite;
  /** Not null: its tables were changed at this opening, without a copy of how it was before. */
  readonly changedUncopied: NoRoom | null;
  readonly #path: string;
  readonly #walFd: number;
  /** Of the file itself. While SQLite has it open, no other way may be opened to it: closing one ends SQLite's locks (POSIX). */
  readonly #fileFd: number;
  readonly #begin: Statement;
  readonly #commit: Statement;
  #onDamage: () => void = () => undefined;

  private constructor(
    path: string,
    sqlite: Sqlite,
    files: { readonly walFd: number; readonly fileFd: number },
    changedUncopied: NoRoom | null,
  ) {
    this.changedUncopied = changedUncopied;
    this.#path = path;
    this.sqlite = sqlite;
    this.#walFd = files.walFd;
    this.#fileFd = files.fileFd;
    this.#begin = sqlite.prepare('BEGIN IMMEDIATE');
    this.#commit = sqlite.prepare('COMMIT');
  }

  /** @throws CodedError STORE_LOCKED, STORE_CORRUPT, STORE_FULL, STORE_UNWRITABLE */
  static open(path: string, { maxBytes, logBytes }: DatabaseLimits): Database {
    let sqlite: Sqlite | undefined;
    let fileFd: number | undefined;
    try {
      sqlite = connect(path);
      fileFd = openSync(path, 'r');
      sqlite.pragma(`page_size = ${PAGE_BYTES}`);
      sqlite.pragma('auto_vacuum = INCREMENTAL');
      sqlite.pragma('locking_mode = EXCLUSIVE');
      sqlite.pragma('journal_mode = WAL');
      sqlite.pragma('synchronous = NORMAL');
      // Negative: KiB.
      sqlite.pragma(`cache_size = ${-CACHE_BYTES / 1024}`);
      // A damaged page is told as soon as it is read, not when a value of it is asked for.
      sqlite.pragma('cell_size_check = ON');
      sqlite.pragma(`wal_autocheckpoint = ${Math.ceil(logBytes / PAGE_BYTES)}`);
      sqlite.pragma(`journal_size_limit = ${Math.ceil(logBytes)}`);
      sqlite.pragma(`max_page_count = ${Math.floor(maxBytes / PAGE_BYTES)}`);
      const noRoom = migrate(sqlite, (version) => keepBeforeMigration(path, fileFd as number, version));
      checkSuspect(sqlite, path);
      const walFd = openSync(`${path}-wal`, 'r+');
      fdatasyncSync(walFd);
      syncFolder(dirname(path));
      return new Database(path, sqlite, { walFd, fileFd }, noRoom);
    } catch (cause) {
      sqlite?.close();
      if (fileFd !== undefined) closeSync(fileFd);
      throw storeError(cause, `cannot open ${path}`);
    }
  }

  /** Calls back when a transaction finds the file damaged. */
  onDamage(listener: () => void): void {
    this.#onDamage = listener;
  }

  /** Runs `work` in one transaction; not yet durable. @throws CodedError STORE_*, after a rollback */
  transaction<T>(work: () => T): T {
    try {
      this.#begin.run();
      const result = work();
      this.#commit.run();
      return result;
    } catch (cause) {
      this.#rollback();
      if (isCorrupt(cause)) this.#onDamage();
      throw storeError(cause, 'cannot write to the store');
    }
  }

  /** Resolves when everything committed so far is on the disk. @throws CodedError STORE_* */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#walFd, (cause) =>
        cause ? reject(storeError(cause, 'cannot make the store durable')) : resolve(),
      );
    });
  }

  /** As `sync`, holding up the event loop: for the few small states that must be durable before the next step. */
  syncNow(): void {
    try {
      fdatasyncSync(this.#walFd);
    } catch (cause) {
      throw storeError(cause, 'cannot make the store durable');
    }
  }

  /** Every table and index with the place of its first page and how it was made, as one text. */
  tables(): string {
    return tablesOf(this.sqlite);
  }

  /** Bytes in use inside the file, and bytes on the disk (file and write-ahead log). */
  size(): { usedBytes: number; freeBytes: number; diskBytes: number } {
    const pages = this.sqlite.pragma('page_count', { simple: true }) as number;
    const free = this.sqlite.pragma('freelist_count', { simple: true }) as number;
    return {
      usedBytes: (pages - free) * PAGE_BYTES,
      freeBytes: free * PAGE_BYTES,
      diskBytes: pages * PAGE_BYTES + fstatSync(this.#walFd).size,
    };
  }

  /** Gives up to `bytes` of free pages back to the disk. */
  shrink(bytes: number): void {
    this.sqlite.pragma(`incremental_vacuum(${Math.ceil(bytes / PAGE_BYTES)})`);
    this.foldLog('give-back');
  }

  /** Folds the write-ahead log into the file; its space is given back to the disk, or kept for the next commits. */
  foldLog(space: 'give-back' | 'keep'): void {
    this.sqlite.pragma(`wal_checkpoint(${space === 'keep' ? 'RESTART' : 'TRUNCATE'})`);
  }

  /** As the file has it: names and places of the tables are in it, and never change while a store is open. */
  firstPage(): Buffer {
    const page = Buffer.alloc(PAGE_BYTES);
    readSync(this.#fileFd, page, 0, page.length, 0);
    return page;
  }

  /** @returns the first page as it is now, with the log folded in */
  close(): Buffer {
    this.sqlite.close();
    const first = this.firstPage();
    closeSync(this.#walFd);
    closeSync(this.#fileFd);
    return first;
  }

  #rollback(): void {
    // SQLite may have rolled back by itself (SQLITE_FULL, SQLITE_IOERR).
    if (this.sqlite.inTransaction) this.sqlite.exec('ROLLBACK');
  }

  /** SQLite said that the file is damaged: the next start looks at all of it. */
  markSuspect(): void {
    markSuspect(this.#path);
  }
}

/** @throws CodedError STORE_LOCKED when another process has the database open; damage is no reason */
export function refuseInUse(path: string): void {
  if (!existsSync(path)) return;
  let sqlite: Sqlite | undefined;
  try {
    sqlite = openPlain(path, { readonly: true });
    sqlite.prepare('SELECT 1 FROM sqlite_schema').get();
  } catch (cause) {
    const error = storeError(cause, `cannot open ${path}`);
    if (error.code === 'STORE_LOCKED') throw error;
  } finally {
    sqlite?.close();
  }
}

export function tablesOf(sqlite: Sqlite): string {
  const rows = sqlite.prepare<[], [string, number, string | null]>(
    'SELECT name, rootpage, sql FROM sqlite_schema WHERE rootpage > 0 ORDER BY name',
  );
  return rows.raw().all().join(' ');
}

/** @param path of the database */
export function markSuspect(path: string): void {
  try {
    writeFileSync(suspectPath(path), '');
  } catch {
    // The disk is failing; the next start finds out by itself or runs into the same error again.
  }
}

/** Another database than the agent's own, or that one before anything is decided: no lock, no migration, no log. */
export function openPlain(path: string, options: { readonly?: boolean } = {}): Sqlite {
  const sqlite = connect(path, options);
  if (options.readonly) return sqlite;
  sqlite.pragma(`page_size = ${PAGE_BYTES}`);
  sqlite.pragma('auto_vacuum = INCREMENTAL');
  return sqlite;
}

function connect(path: string, options: { readonly?: boolean } = {}): Sqlite {
  const sqlite = new BetterSqlite(path, { ...options, timeout: 0 });
  // What a file's own schema says is not to be believed: it may be a copy that a stranger made.
  sqlite.pragma('trusted_schema = OFF');
  const sum = (...row: unknown[]) => rowSum(row as RowValue[]);
  return sqlite.function('row_sum', { varargs: true, deterministic: true }, sum);
}

/** @param keep called with the version to come, before a database that was there changes @returns what it returned */
function migrate(sqlite: Sqlite, keep: (version: number) => NoRoom | null): NoRoom | null {
  const version = sqlite.pragma('user_version', { simple: true }) as number;
  if (version > MIGRATIONS.length) {
    throw agentError(
      'STORE_UNWRITABLE',
      `the store has version ${version}, this agent knows ${MIGRATIONS.length}`,
      {
        hint: 'Run the newer agent again, or give this one its own dataDir.',
      },
    );
  }
  let noRoom: NoRoom | null = null;
  if (version > 0 && version < MIGRATIONS.length) {
    // The copy has no log of its own.
    sqlite.pragma('wal_checkpoint(TRUNCATE)');
    noRoom = keep(MIGRATIONS.length);
  }
  // One write at least, so that the write-ahead log is there and the lock is ours.
  sqlite
    .transaction(() => {
      for (const step of MIGRATIONS.slice(version)) sqlite.exec(step);
      sqlite.pragma(`user_version = ${MIGRATIONS.length}`);
    })
    .immediate();
  // The salvage guide takes the first page from the file.
  if (version < MIGRATIONS.length) sqlite.pragma('wal_checkpoint(TRUNCATE)');
  return noRoom;
}

/** A run that met SQLITE_CORRUPT leaves a mark; only then a whole check, indexes too, is worth its time at start. */
function checkSuspect(sqlite: Sqlite, path: string): void {
  if (!existsSync(suspectPath(path))) return;
  const verdict = sqlite.pragma('integrity_check(1)', { simple: true });
  if (verdict !== 'ok') throw agentError('STORE_CORRUPT', `the store is damaged: ${String(verdict)}`);
  rmSync(suspectPath(path), { force: true });
}

export function suspectPath(path: string): string {
  return `${path}.suspect`;
}
