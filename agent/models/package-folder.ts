/** Package folders on the disk: read under limits, written so that a package is whole or not there. */
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { protocolError } from '../../protocol/errors.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { isSafePath } from '../../protocol/package-index.ts';
import { agentError } from '../errors.ts';
import { makeFolder } from '../made-folder.ts';

/** Begins the name of a folder that is still being written. */
const UNFINISHED = '.unfinished-';

/**
 * Reads every file of a package folder.
 * @returns path (forward slashes) -> bytes
 * @throws CodedError MODEL_UNREADABLE, PACKAGE_TOO_LARGE, PACKAGE_PATH_UNSAFE (a link, a socket)
 */
export async function readPackageFolder(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  let totalBytes = 0;
  try {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      if (entry.isDirectory()) continue;
      const full = join(entry.parentPath, entry.name);
      const path = relative(folder, full).split(sep).join('/');
      if (!entry.isFile() || !isSafePath(path)) {
        throw protocolError('PACKAGE_PATH_UNSAFE', `"${path}" in ${folder} is not a plain file`, {
          hint: 'A package holds files alone: put the file itself in place of the link.',
        });
      }
      totalBytes += (await stat(full)).size;
      if (totalBytes > LIMITS.packageBytes || files.size >= LIMITS.packageFiles) {
        throw protocolError('PACKAGE_TOO_LARGE', `${folder} has more bytes or files than a package may have`);
      }
      files.set(path, await readFile(full));
    }
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'CodedError') throw cause;
    throw agentError('MODEL_UNREADABLE', `cannot read the package folder ${folder}: ${String(cause)}`, {
      cause,
      hint: 'Check that the folder is there and that the agent may read it.',
    });
  }
  return files;
}

/**
 * Writes a package folder: a temporary one, every file fsynced, then renamed, then its parent fsynced.
 * @returns the folder `<parent>/<name>`
 * @throws CodedError PACKAGE_PATH_UNSAFE; errors of the disk (ENOSPC)
 */
export async function writePackageFolder(
  parent: string,
  name: string,
  files: ReadonlyMap<string, Buffer>,
): Promise<string> {
  const unsafe = [...files.keys()].find((path) => !isSafePath(path));
  if (unsafe !== undefined) throw protocolError('PACKAGE_PATH_UNSAFE', `the package has a file "${unsafe}"`);
  const temporary = join(parent, `${UNFINISHED}${name}`);
  const target = join(parent, name);
  makeFolder(parent);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary);
  try {
    const folders = new Set([temporary]);
    for (const [path, bytes] of files) {
      const file = join(temporary, path);
      await mkdir(dirname(file), { recursive: true });
      for (let folder = dirname(file); folder !== temporary; folder = dirname(folder)) folders.add(folder);
      await synced(file, 'w', (handle) => handle.writeFile(bytes));
    }
    for (const folder of folders) await synced(folder, 'r');
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
    await synced(parent, 'r');
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  return target;
}

/** Removes what is not to be kept, finished or not. @param keep asked of each name just before it goes */
export async function prunePackageFolders(parent: string, keep: (name: string) => boolean): Promise<void> {
  makeFolder(parent);
  for (const name of await readdir(parent)) {
    const wholeName = name.startsWith(UNFINISHED) ? name.slice(UNFINISHED.length) : name;
    if (!keep(wholeName)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

async function synced(
  path: string,
  flags: 'r' | 'w',
  work: (handle: FileHandle) => Promise<void> = async () => undefined,
): Promise<void> {
  const handle = await open(path, flags);
  try {
    await work(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
