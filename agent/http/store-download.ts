/** `POST /api/store/backup`: the device's database as a file, copied while it is used. */
import { createReadStream, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyReply } from 'fastify';
import { agentError } from '../errors.ts';

export interface StoreDownloadDeps {
  readonly backUp: (file: string) => Promise<void>;
  /** Holds the copy for as long as it is sent. */
  readonly folder: string;
}

/** One at a time: each takes as much of the disk as the store itself. */
export class StoreDownload {
  readonly #deps: StoreDownloadDeps;
  readonly #file: string;
  #busy = false;

  constructor(deps: StoreDownloadDeps) {
    this.#deps = deps;
    this.#file = join(deps.folder, 'store.db.download');
    // One that a kill left behind.
    rmSync(this.#file, { force: true });
  }

  /** @throws CodedError STORE_BUSY, and those of `Store.backUp` */
  async send(reply: FastifyReply): Promise<FastifyReply> {
    if (this.#busy) {
      throw agentError('STORE_BUSY', 'the store is being copied already', {
        hint: 'Try again when it is done.',
      });
    }
    this.#busy = true;
    try {
      await this.#deps.backUp(this.#file);
      const bytes = createReadStream(this.#file);
      bytes.once('close', () => this.#done());
      return reply
        .type('application/vnd.sqlite3')
        .header('content-length', statSync(this.#file).size)
        .send(bytes);
    } catch (error) {
      this.#done();
      throw error;
    }
  }

  #done(): void {
    rmSync(this.#file, { force: true });
    this.#busy = false;
  }
}
