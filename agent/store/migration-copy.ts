/** `<database>.before-v<n>`: the database as it was before its tables changed; that of the last change is kept. */
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { freeBytes, syncFolder } from './file-sync.ts';

/** For the copy, and for the change itself; in bytes of the database. */
const ROOM = 2.2;
const COPY_BYTES = 1024 * 1024;

/** Why a database changed without a copy of it as it was before. */
export interface NoRoom {
  readonly neededBytes: number;
  readonly freeBytes: number;
}

/**
 * Of a database whose log is folded in. Where the disk has no room there is no copy: the device must start, and the change
 * happens whole or not at all.
 * @param fd of the file, since another one must not be opened (see database.ts)
 * @param version of the tables to come
 * @returns null when the copy was made
 */
export function keepBeforeMigration(path: string, fd: number, version: number): NoRoom | null {
  const folder = dirname(path);
  const kept = `${path}.before-v${version}`;
  const neededBytes = Math.ceil(ROOM * statSync(path).size);
  const hasRoom = () => freeBytes(folder) > neededBytes;
  // The copy of an earlier change is worth less than this one.
  if (!hasRoom()) dropOthers(path, kept);
  if (!hasRoom()) return { neededBytes, freeBytes: freeBytes(folder) };
  copy(fd, `${kept}.part`);
  renameSync(`${kept}.part`, kept);
  syncFolder(folder);
  dropOthers(path, kept);
  return null;
}

function dropOthers(path: string, kept: string): void {
  const prefix = `${basename(path)}.before-v`;
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix) && name !== basename(kept))
      rmSync(join(dirname(path), name), { force: true });
  }
}

function copy(from: number, to: string): void {
  const fd = openSync(to, 'w');
  try {
    const block = Buffer.alloc(COPY_BYTES);
    for (let at = 0, bytes = readSync(from, block, 0, block.length, 0); bytes > 0; ) {
      writeSync(fd, block, 0, bytes);
      at += bytes;
      bytes = readSync(from, block, 0, block.length, at);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
