/** The identity of a database: its epoch, and how a copy put in its place is told from the file that we left. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../../protocol/errors.ts';
import { type Birth, inheritedSchema, MAX_INHERITED } from '../../protocol/messages.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Database, Sqlite } from './database.ts';
import { syncFolder } from './file-sync.ts';
import { forgetMeta, readMeta, writeMeta } from './meta.ts';
import { seal } from './sound-rows.ts';
import { readUnproven, UNPROVEN_KEY } from './unproven-heads.ts';

export interface Epoch {
  readonly epoch: string;
  /** `kept`: the file we left; `new`: a fresh file; `restored`: an older copy was put in its place; `overtaken`: see `endEpoch`. */
  readonly origin: 'kept' | 'new' | 'restored' | 'overtaken';
  readonly inherits: Inherited;
}

const ENDED_KEY = 'ended';

/** The epochs that this one goes on from, newest first, each with the last seqs that it shares with the next. */
export type Inherited = NonNullable<Birth['inherits']>;

/**
 * Reads the epoch of the database, or begins one. A restored copy would give out seqs that the server already knows for
 * other records, so it needs an epoch of its own. A copy is told in two ways: it is another file (inode, birth time)
 * than the last run wrote down, or it does not know the last start, of which `<path>.start` keeps the name.
 * @throws CodedError STORE_*; errors of the file system
 */
export function identify(database: Database, path: string): Epoch {
  const start = randomBytes(8).toString('hex');
  const known = readStarts(path);
  // Both names while a crash can leave either in the database.
  writeStarts(path, [...known, start]);
  const epoch = database.transaction(() => readEpoch(database.sqlite, { file: fileOf(path), known, start }));
  database.syncNow();
  writeStarts(path, [start]);
  return epoch;
}

function readEpoch(
  sqlite: Sqlite,
  { file, known, start }: { file: string; known: readonly string[]; start: string },
): Epoch {
  const before = readMeta(sqlite, 'epoch');
  const isOurs =
    readMeta(sqlite, 'file') === file &&
    (known.length === 0 || known.includes(readMeta(sqlite, 'start') ?? ''));
  const inherits = inheritedSchema.parse(JSON.parse(readMeta(sqlite, 'inherits') ?? '[]'));
  // Of a number beyond these, a server may have another record than the one here.
  const shared = { ...headsOf(sqlite), ...readUnproven(sqlite) };
  const isOvertaken = readMeta(sqlite, ENDED_KEY) !== undefined;
  writeMeta(sqlite, 'start', start);
  if (before !== undefined && isOurs && !isOvertaken) {
    writeMeta(sqlite, UNPROVEN_KEY, JSON.stringify(shared));
    return { epoch: before, origin: 'kept', inherits };
  }
  const epoch = randomBytes(8).toString('hex');
  writeMeta(sqlite, 'epoch', epoch);
  writeMeta(sqlite, 'file', file);
  if (before !== undefined) inherits.unshift({ storeEpoch: before, heads: shared });
  inherits.splice(MAX_INHERITED);
  writeMeta(sqlite, 'inherits', JSON.stringify(inherits));
  for (const key of [UNPROVEN_KEY, ENDED_KEY]) forgetMeta(sqlite, key);
  // What the old epoch had acknowledged is never sent again; a server that knows nothing of the new one sees a gap.
  sqlite.exec('UPDATE streams SET floor = max(floor, acked), acked = 0, dropped = 0');
  seal(sqlite, 'streams');
  if (before === undefined) return { epoch, origin: 'new', inherits };
  return { epoch, origin: isOurs ? 'overtaken' : 'restored', inherits };
}

/**
 * A server has records of this epoch that the disk lost, so their numbers were, or will be, given out twice: the next
 * start begins another epoch, which shares with this one what is proven to be the same.
 * @throws CodedError STORE_FULL, STORE_UNWRITABLE
 */
export function endEpoch(database: Database): void {
  database.transaction(() => writeMeta(database.sqlite, ENDED_KEY, 'overtaken'));
  database.syncNow();
}

function headsOf(sqlite: Sqlite): Record<Stream, number> {
  const head = (stream: Stream) =>
    sqlite.prepare<[], number>(`SELECT coalesce(max(seq), 0) FROM ${stream}`).pluck().get() ?? 0;
  return Object.fromEntries(STREAMS.map((stream) => [stream, head(stream)])) as Record<Stream, number>;
}

function fileOf(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${ino}-${birthtimeNs}`;
}

/** Names of the starts that the database may know; none before the first. */
function readStarts(path: string): string[] {
  try {
    return readFileSync(startPath(path), 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function writeStarts(path: string, names: readonly string[]): void {
  const temporary = `${startPath(path)}.tmp`;
  const fd = openSync(temporary, 'w');
  try {
    writeFileSync(fd, `${names.join('\n')}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, startPath(path));
  syncFolder(dirname(path));
}

function startPath(path: string): string {
  return `${path}.start`;
}
