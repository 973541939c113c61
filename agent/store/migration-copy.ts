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

/** For the copy, and for the change itself. */
const ROOM = 2.2;
const COPY_BYTES = 1024 * 1024;

/**
 * Of a database whose log is folded in. Where the disk has no room there is no copy: the device must start, and the change
 * happens whole or not at all.
 * @param fd of the file, since another one must not be opened (see database.ts)
 * @param version of the tables to come
 */
export function keepBeforeMigration(path: string, fd: number, version: number): void {
  const folder = dirname(path);
  const kept = `${path}.before-v${version}`;
  if (freeBytes(folder) > ROOM * statSync(path).size) {
    copy(fd, `${kept}.part`);
    renameSync(`${kept}.part`, kept);
    syncFolder(folder);
  }
  const prefix = `${basename(path)}.before-v`;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix) && name !== basename(kept)) rmSync(join(folder, name), { force: true });
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
