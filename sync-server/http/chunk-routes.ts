/**
 * `/chunks/{sha256 of an index}`: packages by ranges of bytes, the second way to a device. Open to all, like the broker's
 * chunk topics: what comes is worth nothing without a signed desired state that names its hash.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { ChunkPacks, Pack } from '../registry/chunk-packs.ts';
import type { Pace } from '../registry/pace.ts';
import { parseByteRange } from './byte-range.ts';
import { parseRequest } from './error-reply.ts';

export interface ChunkRouteDeps {
  readonly chunkPacks: ChunkPacks;
  readonly pace: Pace;
  readonly counters: Counters;
}

/** Downloads at once; more are asked to come back. */
const MAX_DOWNLOADS = 64;
const RETRY_AFTER_S = 10;
/** Whoever takes nothing for so long gives its place to others. */
const STALLED_AFTER_MS = 30_000;

const params = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a sha256 in hex') });

export function addChunkRoutes(app: FastifyInstance, deps: ChunkRouteDeps): void {
  const { chunkPacks } = deps;
  const indexOf = (request: FastifyRequest) => parseRequest(params, request.params).sha256;
  let downloads = 0;

  app.get(
    '/chunks/:sha256/index',
    { exposeHeadRoute: false, config: { role: 'anyone' } },
    async (request, reply) => {
      const bytes = chunkPacks.index(indexOf(request));
      await deps.pace.spend(bytes.length);
      return reply.type('application/octet-stream').header('cache-control', 'public, immutable').send(bytes);
    },
  );

  app.head('/chunks/:sha256', { config: { role: 'anyone' } }, async (request, reply) => {
    const pack = chunkPacks.open(indexOf(request));
    return withHeaders(reply, pack).header('content-length', pack.sizeBytes).send();
  });

  app.get(
    '/chunks/:sha256',
    { exposeHeadRoute: false, config: { role: 'anyone' } },
    async (request, reply) => {
      const pack = chunkPacks.open(indexOf(request));
      withHeaders(reply, pack);
      const range = rangeOf(request, pack);
      if (range === 'unsatisfiable') {
        return reply.code(416).header('content-range', `bytes */${pack.sizeBytes}`).send();
      }
      if (downloads >= MAX_DOWNLOADS) return reply.code(503).header('retry-after', RETRY_AFTER_S).send();
      const { start, end } = range ?? { start: 0, end: pack.sizeBytes };
      if (range) reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${pack.sizeBytes}`);
      downloads += 1;
      const body = Readable.from(paced(pack, start, end, deps)).once('close', () => {
        downloads -= 1;
      });
      reply.raw.setTimeout(STALLED_AFTER_MS, () => reply.raw.destroy());
      return reply.header('content-length', end - start).send(body);
    },
  );
}

function withHeaders(reply: FastifyReply, { etag }: Pack): FastifyReply {
  return reply
    .type('application/octet-stream')
    .headers({ etag, 'accept-ranges': 'bytes', 'cache-control': 'public, no-cache' });
}

/** A range of another layout than the sender knows is no use: `If-Range` gets the whole, as the RFC wants it. */
function rangeOf({ headers }: FastifyRequest, { etag, sizeBytes }: Pack): ReturnType<typeof parseByteRange> {
  const ifRange = headers['if-range'];
  return ifRange !== undefined && ifRange !== etag ? undefined : parseByteRange(headers.range, sizeBytes);
}

async function* paced(
  pack: Pack,
  start: number,
  end: number,
  { pace, counters }: ChunkRouteDeps,
): AsyncGenerator<Buffer> {
  try {
    for (const piece of pack.read(start, end)) {
      yield piece;
      await pace.spend(piece.length);
    }
  } catch (error) {
    // The headers are gone: the body ends early, and the device asks again.
    counters.add(codeOf(error));
    throw error;
  }
}
