/** The server's `/chunks` on a port of its own, over real chunk files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FastifyInstance, fastify } from 'fastify';
import { pino } from 'pino';
import { Counters } from '../../daemon/counters.ts';
import type { ChunkedPackage } from '../../protocol/package-index.ts';
import { systemClock } from '../../sync-server/clock.ts';
import { addChunkRoutes } from '../../sync-server/http/chunk-routes.ts';
import { errorReply } from '../../sync-server/http/error-reply.ts';
import { ChunkPacks } from '../../sync-server/registry/chunk-packs.ts';
import { Pace } from '../../sync-server/registry/pace.ts';
import { ChunkFiles } from '../../sync-server/store/chunk-files.ts';

export class ChunkServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'andon-chunk-server-'));
  readonly chunkFiles = new ChunkFiles(this.folder);
  readonly counters = new Counters();
  readonly app: FastifyInstance;
  /** Requests that came, as `<url> <range>`. */
  readonly requests: string[] = [];
  /** Bytes of bodies that were sent. */
  sentBytes = 0;
  readonly #indexes = new Set<string>();

  constructor({ maxBytesPerS = null }: { maxBytesPerS?: number | null } = {}) {
    this.app = fastify({ forceCloseConnections: true });
    this.app.setErrorHandler(errorReply(pino({ level: 'silent' }), new Counters()));
    this.app.addHook('onRequest', async ({ url, headers }) => {
      this.requests.push(`${url} ${headers.range ?? ''}`.trim());
    });
    this.app.addHook('onResponse', async (_request, reply) => {
      this.sentBytes += Number(reply.getHeader('content-length') ?? 0);
    });
    addChunkRoutes(this.app, {
      chunkPacks: new ChunkPacks({
        chunkFiles: this.chunkFiles,
        isIndex: (sha256) => this.#indexes.has(sha256),
      }),
      pace: new Pace(maxBytesPerS, systemClock),
      counters: this.counters,
    });
  }

  publish({ chunks, indexSha256 }: ChunkedPackage): void {
    this.chunkFiles.writeAll(chunks);
    this.#indexes.add(indexSha256);
  }

  /** @returns what a device names as `sync.chunksUrl` */
  async start(): Promise<string> {
    return `${await this.app.listen({ host: '127.0.0.1', port: 0 })}/chunks`;
  }

  async stop(): Promise<void> {
    await this.app.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
