/** Puts a backup in the place of a device's store; what was there is kept beside it. */
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { refuseInUse } from '../../agent/store/database.ts';
import { syncFile, syncFolder } from '../../agent/store/file-sync.ts';
import { openStoreFile } from './store-file.ts';

/**
 * @param folder the agent's dataDir
 * @returns where the store is that was there; null: there was none
 * @throws CodedError STORE_UNREADABLE when the backup is no store, STORE_LOCKED when an agent runs
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
