/** A table that is written row by row under another name, and gets its own when it is whole and on the disk. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { cliError } from '../errors.ts';
import type { Cell } from './columns.ts';

/** Rows to bytes; one port for CSV and Parquet. */
export interface TableEncoder {
  begin(): Uint8Array;
  /** @returns bytes to append now; what is missing comes later */
  add(rows: readonly (readonly Cell[])[]): Uint8Array;
  end(): Uint8Array;
}

export class TableFile {
  readonly #path: string;
  readonly #encoder: TableEncoder;
  readonly #sha256: Hash = createHash('sha256');
  readonly #fd: number;

  /** @throws CodedError OUTPUT_EXISTS; errors of the file system */
  constructor(path: string, encoder: TableEncoder, replace: boolean) {
    if (!replace && existsSync(path)) {
      throw cliError('OUTPUT_EXISTS', `${path} is there already.`, {
        hint: 'Name another --output, or replace it with --replace.',
      });
    }
    this.#path = path;
    this.#encoder = encoder;
    this.#fd = openSync(partial(path), 'w');
    this.#append(encoder.begin());
  }

  add(rows: readonly (readonly Cell[])[]): void {
    this.#append(this.#encoder.add(rows));
  }

  /** @returns the file's sha256 */
  finish(): string {
    this.#append(this.#encoder.end());
    fsyncSync(this.#fd);
    closeSync(this.#fd);
    renameSync(partial(this.#path), this.#path);
    syncFolder(dirname(this.#path));
    return this.#sha256.digest('hex');
  }

  /** Leaves nothing behind. */
  abandon(): void {
    closeSync(this.#fd);
    rmSync(partial(this.#path), { force: true });
  }

  #append(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
  }
}

function partial(path: string): string {
  return `${path}.partial`;
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  fsyncSync(fd);
  closeSync(fd);
}
