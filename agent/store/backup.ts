/** A copy of a running database that can be put in its place, or in another device's. */
import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { agentError } from '../errors.ts';
import { openPlain, PAGE_BYTES, type Sqlite } from './database.ts';
import { freeBytes, syncFile, syncFolder } from './file-sync.ts';

/** What the pages of a copy may grow by while it is made. */
const ROOM = 1.1;
const PAGES_A_TURN = 256;

/**
 * Copies a database while it is used, a little at a time. The copy is one file, knows that it is one, and begins a new
 * epoch wherever it is opened.
 * @param file appears when it is whole
 * @throws CodedError STORE_FULL; what SQLite throws
 */
export async function backUp(sqlite: Sqlite, file: string): Promise<void> {
  const pages = sqlite.pragma('page_count', { simple: true }) as number;
  refuseWithoutRoom(dirname(file), pages * PAGE_BYTES);
  const part = `${file}.part`;
  rmSync(part, { force: true });
  try {
    await sqlite.backup(part, { progress: () => PAGES_A_TURN });
    const copy = openPlain(part);
    copy.pragma('journal_mode = DELETE');
    copy.exec("UPDATE meta SET value = 'a backup', check_sum = row_sum(key, 'a backup') WHERE key = 'file'");
    copy.close();
    syncFile(part);
    renameSync(part, file);
    syncFolder(dirname(file));
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function refuseWithoutRoom(folder: string, bytes: number): void {
  const free = freeBytes(folder);
  if (free > bytes * ROOM) return;
  throw agentError('STORE_FULL', `a copy of ${bytes} bytes does not fit: ${free} are free in ${folder}`, {
    hint: 'Free disk space on the device; the store itself is not touched.',
  });
}
