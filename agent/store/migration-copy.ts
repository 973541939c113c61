/** `<database>.before-v<n>`: the database as it was before its tables changed; that of the last change is kept. */
import { copyFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { freeBytes, syncFile, syncFolder } from './file-sync.ts';

/** For the copy, and for the change itself. */
const ROOM = 2.2;

/**
 * Of a database whose log is folded in. Where the disk has no room there is no copy: the device must start, and the change
 * happens whole or not at all.
 * @param version of the tables to come
 */
export function keepBeforeMigration(path: string, version: number): void {
  const folder = dirname(path);
  const kept = `${path}.before-v${version}`;
  if (freeBytes(folder) > ROOM * statSync(path).size) {
    copyFileSync(path, `${kept}.part`);
    syncFile(`${kept}.part`);
    renameSync(`${kept}.part`, kept);
    syncFolder(folder);
  }
  const prefix = `${basename(path)}.before-v`;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix) && name !== basename(kept)) rmSync(join(folder, name), { force: true });
  }
}
