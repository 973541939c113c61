/** Makes a damaged database file fit to be opened at all: its log folded in, its first page mended. */
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
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
const LEAF_OR_INTERIOR = [0x0d, 0x05];

/** Changes only what no record is in. @returns the schema version of the file; null when it cannot be made readable */
export function mendFile(path: string, log: LogFrames, guide: SalvageGuide | null): number | null {
  foldFrames(path, log);
  rmSync(`${path}-wal`, { force: true });
  rmSync(`${path}-shm`, { force: true });
  rmSync(`${path}-journal`, { force: true });
  if (!existsSync(path)) return null;
  const fd = openSync(path, 'r+');
  try {
    const first = Buffer.alloc(HEADER_BYTES + 8);
    readSync(fd, first, 0, first.length, 0);
    const isSound = first.toString('latin1', 0, 16) === MAGIC && LEAF_OR_INTERIOR.includes(first[100] ?? 0);
    const page = isSound ? first : guide?.firstPage;
    if (!page) return null;
    const mended = Buffer.from(page);
    const pageBytes = mended.readUInt16BE(HEADER.pageBytes) || 0;
    if (pageBytes < 512) return null;
    // As of a database without a log, of the size that the file has, with no free pages to be trusted.
    mended.writeUInt16BE(0x0101, HEADER.formats);
    mended.writeUInt32BE(Math.floor(fstatSync(fd).size / pageBytes), HEADER.pages);
    mended.writeBigUInt64BE(0n, HEADER.freelist);
    mended.writeUInt32BE(mended.readUInt32BE(HEADER.changes), HEADER.validFor);
    writeSync(fd, mended, 0, mended.length, 0);
    fsyncSync(fd);
    return mended.readUInt32BE(HEADER.version);
  } finally {
    closeSync(fd);
  }
}
