/** Makes files and their names durable. */
import { closeSync, fsyncSync, openSync, statfsSync } from 'node:fs';

export function syncFile(path: string): void {
  syncOpened(path, 'r+');
}

/** Renames and new names in a folder. */
export function syncFolder(folder: string): void {
  syncOpened(folder, 'r');
}

/** Bytes that this user may still write there. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

function syncOpened(path: string, flags: 'r' | 'r+'): void {
  const fd = openSync(path, flags);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
