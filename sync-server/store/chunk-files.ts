/** Chunk bytes on disk, one file a hash: written beside, fsynced and renamed, so that a file that is there is whole. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../../protocol/keys.ts';
import { serverError } from '../errors.ts';

export class ChunkFiles {
  readonly #folder: string;

  /** @param folder made when missing */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /**
   * Durable when it returns. Chunks that are there already, undamaged, are not written again.
   * @throws CodedError STORE_UNWRITABLE
   */
  writeAll(chunks: ReadonlyMap<string, Buffer>): void {
    try {
      for (const [sha256, bytes] of chunks) {
        const file = join(this.#folder, sha256);
        if (existsSync(file) && readFileSync(file).equals(bytes)) continue;
        writeDurably(`${file}.part`, bytes);
        renameSync(`${file}.part`, file);
      }
      syncFolder(this.#folder);
    } catch (cause) {
      throw serverError('STORE_UNWRITABLE', `cannot write chunks: ${(cause as Error).message}`, {
        hint: "Check the free space and the rights of the server's dataDir.",
        cause,
      });
    }
  }

  /** @throws CodedError STORE_CORRUPT when the file is missing or is not what its name says */
  read(sha256: string): Buffer {
    let bytes: Buffer | undefined;
    let cause: unknown;
    try {
      bytes = readFileSync(join(this.#folder, sha256));
    } catch (error) {
      cause = error;
    }
    if (bytes && sha256Hex(bytes) === sha256) return bytes;
    throw serverError('STORE_CORRUPT', `chunk ${sha256.slice(0, 12)} is missing or damaged`, {
      hint: 'Publish the package again: damaged chunks are written anew.',
      cause,
    });
  }
}

function writeDurably(file: string, bytes: Buffer): void {
  const fd = openSync(file, 'w');
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
