/** Chunks on disk as they travel (protocol/chunk-codec.ts), one file a hash. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeChunk, encodeChunk } from '../../protocol/chunk-codec.ts';
import type { CodedError } from '../../protocol/errors.ts';
import { serverError } from '../errors.ts';
import { syncFolder, writeWhole } from './durable-file.ts';

export class ChunkFiles {
  readonly #folder: string;

  /** @param folder made when missing */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /**
   * Durable when it returns. Chunks that are there already, undamaged, are not written again.
   * @param chunks plain bytes by their hash
   * @throws CodedError STORE_UNWRITABLE
   */
  writeAll(chunks: ReadonlyMap<string, Buffer>): void {
    try {
      for (const [sha256, bytes] of chunks) {
        const file = join(this.#folder, sha256);
        if (existsSync(file) && isWhole(sha256, readFileSync(file))) continue;
        writeWhole(file, encodeChunk(bytes));
      }
      syncFolder(this.#folder);
    } catch (cause) {
      throw serverError('STORE_UNWRITABLE', `cannot write chunks: ${(cause as Error).message}`, {
        hint: "Check the free space and the rights of the server's dataDir.",
        cause,
      });
    }
  }

  /** How many bytes it travels as. @throws CodedError STORE_CORRUPT when the file is missing */
  sizeOf(sha256: string): number {
    try {
      return statSync(join(this.#folder, sha256)).size;
    } catch (cause) {
      throw missing(sha256, cause);
    }
  }

  /** The chunk as it travels. @throws CodedError STORE_CORRUPT when the file is missing or is not what its name says */
  read(sha256: string): Buffer {
    let bytes: Buffer | undefined;
    let cause: unknown;
    try {
      bytes = readFileSync(join(this.#folder, sha256));
    } catch (error) {
      cause = error;
    }
    if (bytes && isWhole(sha256, bytes)) return bytes;
    throw missing(sha256, cause);
  }
}

function missing(sha256: string, cause: unknown): CodedError {
  return serverError('STORE_CORRUPT', `chunk ${sha256.slice(0, 12)} is missing or damaged`, {
    hint: 'Publish the package again: damaged chunks are written anew.',
    cause,
  });
}

function isWhole(sha256: string, encoded: Buffer): boolean {
  try {
    decodeChunk(sha256, encoded);
    return true;
  } catch {
    return false;
  }
}
