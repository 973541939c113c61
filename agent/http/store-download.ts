/** `POST /api/store/backup`: the device's database as a file, copied while it is used. */
import { createReadStream, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { agentError } from '../errors.ts';
import { isLoopbackName } from './guard.ts';
import { type OperatorPin, PIN_HEADER } from './operator-pin.ts';

export interface StoreDownloadDeps {
  readonly backUp: (file: string) => Promise<void>;
  /** Holds the copy for as long as it is sent. */
  readonly folder: string;
  readonly pin: OperatorPin;
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

  addTo(app: FastifyInstance): void {
    const onRequest = async (request: FastifyRequest) => this.#checkPin(request);
    app.post('/api/store/backup', { onRequest }, (_request, reply) => this.#send(reply));
  }

  /** All that the device knows leaves by this way: where nobody has a PIN, only on the device itself. */
  #checkPin({ ip, headers }: FastifyRequest): void {
    const { pin } = this.#deps;
    if (pin.isSet || !isLoopbackName(ip.replace(/^::ffff:/, ''))) pin.check(headers[PIN_HEADER]);
  }

  /** @throws CodedError STORE_BUSY, and those of `Store.backUp` */
  async #send(reply: FastifyReply): Promise<FastifyReply> {
    if (this.#busy) {
      throw agentError('STORE_BUSY', 'the store is being copied already', {
        hint: 'Try again when it is done.',
      });
    }
    this.#busy = true;
    try {
      await this.#deps.backUp(this.#file);
      const bytes = createReadStream(this.#file);
      // Read to its end or broken off, whichever comes.
      const done = once(() => this.#done());
      bytes.on('end', done).on('close', done);
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

function once(work: () => void): () => void {
  let over = false;
  return () => {
    if (!over) work();
    over = true;
  };
}
