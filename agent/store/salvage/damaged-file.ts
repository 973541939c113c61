/** Makes a damaged database file fit to be opened at all: its log folded in, its first page mended. */
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { openPlain, PAGE_BYTES, type Sqlite, tablesOf } from '../database.ts';
import type { SalvageGuide } from './salvage-guide.ts';
import { foldFrames, type LogFrames } from './write-ahead-log.ts';

/** Offsets in the header of a database: https://sqlite.org/fileformat2.html#the_database_header */
const HEADER = {
  pageBytes: 16,
  formats: 18,
  changes: 24,
  pages: 28,
  freelist: 32,
  version: 60,
  validFor: 92,
};
const HEADER_BYTES = 100;
const MAGIC = 'SQLite format 3\0';
const KIND = { leaf: 0x0d, interior: 0x05 } as const;

/**
 * Changes only what no record is in. The first page says where the tables are; when it does not know them all, or not where
 * the guide does, the guide's is the better one.
 * @returns the schema version of the file; null when it cannot be made readable
 */
export function mendFile(path: string, log: LogFrames, guide: SalvageGuide | null): number | null {
  foldFrames(path, log);
  for (const end of ['-wal', '-shm', '-journal']) rmSync(`${path}${end}`, { force: true });
  if (!existsSync(path)) return null;
  const own = Buffer.alloc(PAGE_BYTES);
  onFile(path, (fd) => readSync(fd, own, 0, own.length, 0));
  if (isFirstPage(own)) {
    putFirstPage(path, own);
    if (!guide || tablesIn(path) === guide.tables) return own.readUInt32BE(HEADER.version);
  }
  if (!guide) return null;
  putFirstPage(path, guide.firstPage);
  return guide.version;
}

/** null when they cannot be read. */
function tablesIn(path: string): string | null {
  let sqlite: Sqlite | undefined;
  try {
    sqlite = openPlain(path, { readonly: true });
    return tablesOf(sqlite);
  } catch {
    return null;
  } finally {
    sqlite?.close();
  }
}

function isFirstPage(page: Buffer): boolean {
  const [kind] = page.subarray(HEADER_BYTES);
  return page.toString('latin1', 0, 16) === MAGIC && (kind === KIND.leaf || kind === KIND.interior);
}

function putFirstPage(path: string, page: Buffer): void {
  const mended = Buffer.from(page);
  onFile(path, (fd) => {
    // As of a database without a log, of the size that the file has, with no free pages to be trusted.
    mended.writeUInt16BE(0x0101, HEADER.formats);
    mended.writeUInt16BE(PAGE_BYTES, HEADER.pageBytes);
    mended.writeUInt32BE(Math.floor(fstatSync(fd).size / PAGE_BYTES), HEADER.pages);
    mended.writeBigUInt64BE(0n, HEADER.freelist);
    mended.writeUInt32BE(mended.readUInt32BE(HEADER.changes), HEADER.validFor);
    writeSync(fd, mended, 0, mended.length, 0);
    fsyncSync(fd);
  });
}

function onFile(path: string, work: (fd: number) => unknown): void {
  const fd = openSync(path, 'r+');
  try {
    work(fd);
  } finally {
    closeSync(fd);
  }
}
