/** Finds chunks of a new package in the packages that are installed already, so that what two versions share is not fetched. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../protocol/errors.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { cutLikeAny } from '../../protocol/package-index.ts';

/** Samples do not wait until a large model is looked through. */
const BYTES_A_TURN = 1024 * 1024;

/**
 * @param folder holds one folder a package; need not exist
 * @returns those of `wanted` that are there, by hash
 */
export async function findLocalChunks(
  folder: string,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  if (wanted.size === 0) return found;
  for (const path of await filesUnder(folder)) {
    // A package may be removed while we look.
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    let sinceTurn = 0;
    for (const chunk of cutLikeAny(bytes)) {
      sinceTurn += chunk.length;
      if (sinceTurn > BYTES_A_TURN) {
        sinceTurn = 0;
        await new Promise(setImmediate);
      }
      const sha256 = sha256Hex(chunk);
      if (wanted.has(sha256)) found.set(sha256, chunk);
    }
  }
  return found;
}

async function filesUnder(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const paths: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info?.isFile() && info.size <= LIMITS.packageBytes) paths.push(path);
  }
  return paths;
}
