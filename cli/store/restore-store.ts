/** Puts a backup in the place of a device's store; what was there is kept beside it. */
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openPlain } from '../../agent/store/database.ts';
import { syncFile, syncFolder } from '../../agent/store/file-sync.ts';
import { codeOf } from '../../protocol/errors.ts';
import { cliError } from '../errors.ts';
import { openStoreFile } from './store-file.ts';

/**
 * @param folder the agent's dataDir
 * @returns where the store is that was there; null: there was none
 * @throws CodedError STORE_UNREADABLE when the backup is no store, or an agent runs
 */
export function restoreStore(backup: string, folder: string): string | null {
  openStoreFile(backup).close();
  const path = join(folder, 'store.db');
  refuseInUse(path);
  copyFileSync(backup, `${path}.part`);
  syncFile(`${path}.part`);
  const kept = existsSync(path) ? `${path}.replaced` : null;
  if (kept !== null) {
    rmSync(`${kept}-wal`, { force: true });
    renameSync(path, kept);
    // A log that stayed would be played into the backup.
    if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${kept}-wal`);
  }
  renameSync(`${path}.part`, path);
  for (const end of ['-wal', '-shm', '.suspect', '.guide']) rmSync(`${path}${end}`, { force: true });
  syncFolder(folder);
  return kept;
}

function refuseInUse(path: string): void {
  if (!existsSync(path)) return;
  const sqlite = openPlain(path, { readonly: true });
  try {
    sqlite.prepare('SELECT 1 FROM sqlite_schema').get();
  } catch (cause) {
    // Damaged is no reason: that is what a backup is for.
    if (!codeOf(cause).startsWith('SQLITE_BUSY')) return;
    throw cliError('STORE_UNREADABLE', `${path} is in use.`, { hint: 'Stop its agent first.', cause });
  } finally {
    sqlite.close();
  }
}
