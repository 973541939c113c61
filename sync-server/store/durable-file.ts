/** How every file of the server is written: beside, fsynced and renamed, and its folder fsynced, so that what is there is whole and stays. */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';

/**
 * The file is whole, or as it was before. That its name stays takes `syncFolder`, once for many files.
 * @throws Node's file system errors
 */
export function writeWhole(file: string, bytes: Uint8Array | string, mode = 0o644): void {
  writeFileSync(`${file}.part`, bytes, { mode, flush: true });
  renameSync(`${file}.part`, file);
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
