/** Counts the bytes of a request's body as they come; those of short ones are not worth it. */
import { Transform } from 'node:stream';
import type { FastifyRequest, RequestPayload } from 'fastify';
import type { UnendedBodies } from '../unended-bodies.ts';

/** A body that says it is no longer goes by uncounted: connections are few, and most requests are such. */
const SHORT_BYTES = 64 * 1024;

export function metered(
  request: FastifyRequest,
  payload: RequestPayload,
  bodies: UnendedBodies,
): RequestPayload {
  if (Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY) <= SHORT_BYTES) return payload;
  let bytes = 0;
  const meter = new Transform({
    transform: (chunk: Buffer, _encoding, next) => {
      bytes += chunk.length;
      try {
        bodies.take(chunk.length, bytes);
        next(null, chunk);
      } catch (error) {
        next(error as Error);
      }
    },
    destroy: (error, next) => {
      bodies.release(bytes);
      bytes = 0;
      next(error);
    },
  });
  // A caller that hangs up ends the meter too.
  payload.once('close', () => payload.readableEnded || meter.destroy());
  return payload.pipe(meter);
}
