/** Reads a model package folder into memory, within the limits of the wire. */
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../protocol/errors.ts';
import { LIMITS } from '../protocol/limits.ts';
import { cliError } from './errors.ts';

/**
 * @returns path with forward slashes -> bytes; hidden files (`.DS_Store`) are left out
 * @throws CodedError FOLDER_UNREADABLE
 */
export function readPackageFolder(folder: string): Map<string, Buffer> {
  const names = entriesOf(folder).map(({ name }) => name);
  // Before anything is walked: the folder may be a whole disk.
  if (!names.includes('manifest.json')) {
    throw cliError('FOLDER_UNREADABLE', `${folder} has no manifest.json, so it is not a model package.`, {
      hint: 'Name the folder of one version, for example models/milling-failure/2.',
    });
  }
  const files = new Map<string, Buffer>();
  let sizeBytes = 0;
  for (const path of pathsIn(folder)) {
    sizeBytes += statSync(join(folder, path)).size;
    if (sizeBytes > LIMITS.packageBytes || files.size >= LIMITS.packageFiles) {
      throw cliError('FOLDER_UNREADABLE', `${folder} is too large for a model package.`, {
        hint: `A package has at most ${LIMITS.packageFiles} files and ${LIMITS.packageBytes} bytes.`,
      });
    }
    files.set(path, readFileSync(join(folder, path)));
  }
  return files;
}

function pathsIn(folder: string, below = ''): string[] {
  return entriesOf(join(folder, below))
    .filter((entry) => !entry.name.startsWith('.'))
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? pathsIn(folder, path) : entry.isFile() ? [path] : [];
    })
    .sort();
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw cliError('FOLDER_UNREADABLE', `The folder ${folder} cannot be read (${codeOf(cause)}).`, {
      hint: 'Name the folder that holds manifest.json, for example models/milling-failure/2.',
      cause,
    });
  }
}
