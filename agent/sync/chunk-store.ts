/** Verified chunks on disk, by hash, until their package is installed: what came once is not fetched again. */
import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { lstat, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../protocol/errors.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { makeFolder } from '../made-folder.ts';

const CHUNK_NAME = /^[0-9a-f]{64}$/;

export class ChunkStore {
  readonly #folder: string;

  /** @param folder made when the first chunk comes */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The chunk, or undefined when it is not here or no longer what its name says (then it is removed).
   * @throws errors of the disk when what lies in its place cannot be removed
   */
  async get(sha256: string): Promise<Buffer | undefined> {
    const bytes = await readSmall(join(this.#folder, sha256));
    if (bytes === undefined) return undefined;
    if (bytes !== null && sha256Hex(bytes) === sha256) return bytes;
    await this.drop([sha256]);
    return undefined;
  }

  /**
   * Keeps verified bytes. They survive a kill from the moment it is called, and a power cut when the promise resolves.
   * @throws errors of the disk (ENOSPC)
   */
  async put(sha256: string, bytes: Buffer): Promise<void> {
    makeFolder(this.#folder);
    const temporary = join(this.#folder, `${randomUUID()}.tmp`);
    try {
      // At once: what a person kills the agent in is not fetched again. What a power cut tears is found by its hash.
      writeFileSync(temporary, bytes);
      renameSync(temporary, join(this.#folder, sha256));
    } catch (error) {
      // A full disk must not fill up with halves of what did not fit.
      rmSync(temporary, { force: true });
      throw error;
    }
    for (const path of [join(this.#folder, sha256), this.#folder]) await synced(path);
  }

  async drop(hashes: Iterable<string>): Promise<void> {
    for (const sha256 of hashes) await rm(join(this.#folder, sha256), { recursive: true, force: true });
  }

  /** Hashes of all chunks that are here. */
  async list(): Promise<string[]> {
    return (await this.#names()).filter((name) => CHUNK_NAME.test(name));
  }

  /** Removes what a cut-off write left behind. Before the first `put`. */
  async clean(): Promise<void> {
    await this.drop((await this.#names()).filter((name) => !CHUNK_NAME.test(name)));
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#folder);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }
}

/** Undefined: nothing is there. Null: what is there is no chunk, or cannot be read; fetching it again mends that. */
async function readSmall(path: string): Promise<Buffer | null | undefined> {
  try {
    const info = await lstat(path);
    return info.isFile() && info.size <= LIMITS.chunkBytes ? await readFile(path) : null;
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? undefined : null;
  }
}

/** A chunk that was dropped meanwhile needs no sync. */
async function synced(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
