/** A folder that is there, and still there after a power cut: its name is synced into the folders above it. */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes what is missing of this path. @throws errors of the disk (ENOSPC) */
export function makeFolder(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    syncNames(dirname(made));
    if (made === first) return;
  }
}

/** Makes the names in a folder durable. */
export function syncNames(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
