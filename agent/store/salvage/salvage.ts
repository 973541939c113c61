/**
 * Makes a new database of what can be read of a damaged one, with the same seqs, and sets the damaged one aside. Can be
 * cut off at any moment and done again: until the new one is whole, the damaged one keeps its name and its mark.
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { STREAMS, type Stream } from '../../../protocol/records.ts';
import { openPlain, type Sqlite, suspectPath } from '../database.ts';
import { syncFile, syncFolder } from '../file-sync.ts';
import { MIGRATIONS } from '../migrations.ts';
import { hasSums, seal, soundSql } from '../sound-rows.ts';
import { mendFile } from './damaged-file.ts';
import { readGuide, type SalvageGuide } from './salvage-guide.ts';
import { type Copied, copySmallTables, copyTables } from './salvage-tables.ts';
import { readLogFrames } from './write-ahead-log.ts';

export interface Salvaged {
  /** Where the damaged database is now. */
  readonly setAside: string;
  readonly kept: Readonly<Record<Stream, number>>;
  /** Records that no server has acknowledged, as far as is known, and that are gone. */
  readonly gone: Readonly<Record<Stream, number>>;
}

const NONE = Object.fromEntries(STREAMS.map((stream) => [stream, 0])) as Record<Stream, number>;

/** @throws errors of the file system */
export function salvage(path: string): Salvaged {
  const working = `${path}.salvaging`;
  for (const end of ['', '-journal', '-wal']) rmSync(`${working}${end}`, { force: true });
  const guide = readGuide(path);
  const version = mendFile(path, readLogFrames(`${path}-wal`), guide);
  let copied: Pick<Salvaged, 'kept' | 'gone'> | null = null;
  if (version !== null && version >= 1 && version <= MIGRATIONS.length) {
    const sqlite = newDatabase(working, version);
    try {
      copied = copyFrom(sqlite, path, guide);
    } catch {
      // Nothing of it can be read, or there is no room for a second one: the new database begins empty.
    } finally {
      sqlite.close();
    }
  }
  if (copied) {
    syncFile(working);
    return { setAside: replace(path, working), ...copied };
  }
  rmSync(working, { force: true });
  const gone = STREAMS.map((stream) => [stream, guide ? guide.heads[stream] - guide.acked[stream] : 0]);
  return { setAside: replace(path, null), kept: NONE, gone: Object.fromEntries(gone) as typeof NONE };
}

/** A salvage that was cut off between its last two renames is done once it has its name. Before the database is opened. */
export function finishSalvage(path: string): void {
  if (!existsSync(path) && existsSync(`${path}.salvaging`)) renameSync(`${path}.salvaging`, path);
}

function newDatabase(path: string, version: number): Sqlite {
  const sqlite = openPlain(path);
  // Nobody looks at this file before it is whole and synced.
  sqlite.pragma('journal_mode = MEMORY');
  sqlite.pragma('synchronous = OFF');
  for (const step of MIGRATIONS.slice(0, version)) sqlite.exec(step);
  sqlite.pragma(`user_version = ${version}`);
  return sqlite;
}

function copyFrom(sqlite: Sqlite, path: string, guide: SalvageGuide | null): Pick<Salvaged, 'kept' | 'gone'> {
  sqlite.prepare('ATTACH ? AS damaged').run(path);
  sqlite.pragma('writable_schema = ON');
  // Rows of another version have other columns.
  const isSameVersion = guide && guide.version === sqlite.pragma('user_version', { simple: true });
  const { contexts, positions } = isSameVersion ? guide : { contexts: [], positions: [] };
  copySmallTables(sqlite, { positions });
  const known = mostOf(guide?.heads ?? NONE, pointedAt(sqlite));
  const copied = copyTables(sqlite, { heads: known, contexts });
  if (guide) {
    sqlite.prepare("INSERT OR IGNORE INTO main.meta (key, value) VALUES ('epoch', ?)").run(guide.epoch);
    const ack = sqlite.prepare('UPDATE main.streams SET acked = max(acked, ?) WHERE stream = ?');
    for (const stream of STREAMS) ack.run(guide.acked[stream], stream);
  }
  const heads = mostOf(known, lastSeqs(sqlite));
  const set = sqlite.prepare('INSERT OR REPLACE INTO main.meta (key, value) VALUES (?, ?)');
  // What was once given out is not given out again, or a label could be read as another prediction's.
  for (const stream of STREAMS) set.run(`head/${stream}`, String(heads[stream]));
  if (hasSums(sqlite, 'streams')) sealSmallTables(sqlite);
  sqlite.pragma('writable_schema = OFF');
  sqlite.exec('DETACH damaged');
  return { kept: copied.kept, gone: goneOf(sqlite, copied.lost, heads) };
}

function sealSmallTables(sqlite: Sqlite): void {
  try {
    // Of a cursor that does not hold what was written, too: rows from before there were checksums stay readable.
    sqlite.exec(
      `UPDATE main.streams SET unchecked_to = max(unchecked_to, coalesce(
         (SELECT CAST(was.unchecked_to AS INTEGER) FROM damaged.streams was WHERE was.stream = streams.stream), 0))`,
    );
  } catch {
    // It cannot be read at all.
  }
  seal(sqlite, 'streams');
  seal(sqlite, 'meta');
}

/** Seqs that other tables speak of: their records were there. */
function pointedAt(sqlite: Sqlite): Record<Stream, number> {
  const greatest = (sql: string) => {
    try {
      return sqlite.prepare<[], number | null>(sql).pluck().get() ?? 0;
    } catch {
      return 0;
    }
  };
  const acked = (stream: Stream) => greatest(`SELECT acked FROM main.streams WHERE stream = '${stream}'`);
  const heads = Object.fromEntries(STREAMS.map((stream) => [stream, acked(stream)])) as Record<
    Stream,
    number
  >;
  const labelled = greatest(
    `SELECT max(prediction_seq) FROM damaged.feedback WHERE ${soundSql(sqlite, 'feedback')} IS NOT FALSE`,
  );
  return { ...heads, predictions: Math.max(heads.predictions, labelled) };
}

function lastSeqs(sqlite: Sqlite): Record<Stream, number> {
  const last = (stream: Stream) =>
    sqlite.prepare<[], number | null>(`SELECT max(seq) FROM main.${stream}`).pluck().get() ?? 0;
  return Object.fromEntries(STREAMS.map((stream) => [stream, last(stream)])) as Record<Stream, number>;
}

function mostOf(a: Readonly<Record<Stream, number>>, b: Readonly<Record<Stream, number>>) {
  return Object.fromEntries(STREAMS.map((s) => [s, Math.max(a[s], b[s])])) as Record<Stream, number>;
}

/**
 * What of each stream is neither in the new database nor at a server: ranges that could not be read, and rows that went
 * without a trace; not those of which retention said before that it dropped them.
 */
function goneOf(
  sqlite: Sqlite,
  lost: Copied['lost'],
  heads: Readonly<Record<Stream, number>>,
): Record<Stream, number> {
  const rows = sqlite
    .prepare<[], [Stream, settled: number, dropped: number]>(
      'SELECT stream, max(acked, floor), dropped FROM main.streams',
    )
    .raw()
    .all();
  const gone = rows.map(([stream, settled, dropped]) => {
    const kept = sqlite
      .prepare<[number], number>(`SELECT count(*) FROM main.${stream} WHERE seq > ?`)
      .pluck();
    const missing = Math.max(0, heads[stream] - settled) - (kept.get(settled) ?? 0);
    const unread = lost[stream].reduce(
      (sum, { from, to }) => sum + Math.max(0, to - Math.max(from - 1, settled)),
      0,
    );
    return [stream, Math.max(0, unread, missing - dropped)] as const;
  });
  return { ...NONE, ...Object.fromEntries(gone) };
}

/** Only the newest damaged database is kept: each may be as large as the store. */
function replace(path: string, working: string | null): string {
  const setAside = `${path}.corrupt-${nextNumber(path)}`;
  if (existsSync(path)) renameSync(path, setAside);
  if (working) renameSync(working, path);
  syncFolder(dirname(path));
  rmSync(suspectPath(path), { force: true });
  for (const older of setAsides(path)) if (older !== setAside) rmSync(older, { force: true });
  return setAside;
}

function setAsides(path: string): string[] {
  const prefix = `${basename(path)}.corrupt-`;
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(prefix));
  return names.map((name) => join(dirname(path), name));
}

function nextNumber(path: string): number {
  const numbers = setAsides(path).map((name) => Number(/-(\d+)$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers) + 1;
}
