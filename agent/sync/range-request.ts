/** One bounded request of a file over HTTP: never more bytes than asked for, nothing from elsewhere, no waiting for the silent. */
import { codeOf } from '../../protocol/errors.ts';
import { agentError } from '../errors.ts';

export interface RangeRequest {
  readonly url: string;
  /** Absent: the whole file. */
  readonly range?: { readonly start: number /** Not included. */; readonly end: number };
  /** Of the file that the range was worked out from. */
  readonly etag?: string | undefined;
  /** More than this is refused. */
  readonly maxBytes: number;
  /** An answer that brings next to nothing for so long is given up. */
  readonly stalledAfterMs: number;
  readonly signal: AbortSignal;
}

export interface RangeAnswer {
  readonly etag: string | undefined;
  /** Ends after `maxBytes` or the range, whatever the server goes on to send. */
  readonly body: AsyncIterable<Buffer>;
}

/** Below this in one `stalledAfterMs` a download is stalled. */
const TRICKLE_BYTES = 1024;

/**
 * @throws CodedError CHUNKS_UNREACHABLE (no answer, an error status, a stall), CHUNKS_MALFORMED (not what was asked for),
 *   CHUNKS_CHANGED (the file is another one now)
 */
export async function requestRange(request: RangeRequest): Promise<RangeAnswer> {
  const { url, range, etag, signal, stalledAfterMs } = request;
  const watch = new StallWatch(stalledAfterMs);
  try {
    const response = await fetch(url, {
      // Another address would be another server than the one that was configured.
      redirect: 'error',
      headers: {
        'accept-encoding': 'identity',
        ...(range ? { range: `bytes=${range.start}-${range.end - 1}` } : {}),
        ...(etag === undefined ? {} : { 'if-range': etag }),
      },
      signal: AbortSignal.any([signal, watch.signal]),
    });
    try {
      check(response, request);
    } catch (error) {
      await response.body?.cancel().catch(() => undefined);
      throw error;
    }
    const maxBytes = range ? range.end - range.start : request.maxBytes;
    return {
      etag: response.headers.get('etag') ?? undefined,
      body: bounded(response, { url, maxBytes, isExact: range !== undefined }, watch),
    };
  } catch (error) {
    watch.end();
    throw codeOf(error).startsWith('CHUNKS_') ? error : unreachable(url, watch, error);
  }
}

async function* bounded(
  response: Response,
  { url, maxBytes, isExact }: { url: string; maxBytes: number; isExact: boolean },
  watch: StallWatch,
): AsyncGenerator<Buffer> {
  let received = 0;
  try {
    // Left early, the loop cancels the body and with it the connection.
    for await (const piece of response.body ?? []) {
      const room = maxBytes - received;
      received += piece.byteLength;
      watch.saw(piece.byteLength);
      yield Buffer.from(piece.buffer, piece.byteOffset, Math.min(piece.byteLength, room));
      if (received > maxBytes) throw malformed(url, `sent more than the ${maxBytes} bytes it was asked for`);
      // Where the answer's length is known it ends by itself, and the connection serves the next request.
      if (received === maxBytes && !response.headers.has('content-length')) return;
    }
  } catch (error) {
    throw codeOf(error).startsWith('CHUNKS_') ? error : unreachable(url, watch, error);
  } finally {
    watch.end();
  }
  if (isExact && received < maxBytes)
    throw unreachable(url, watch, new Error(`ended after ${received} of ${maxBytes} bytes`));
}

function check(response: Response, { url, range, etag }: RangeRequest): void {
  const { status, headers } = response;
  if (status !== 200 && status !== 206) {
    throw agentError('CHUNKS_UNREACHABLE', `${url} answered ${status}`, {
      hint: 'Check sync.chunksUrl, and that the server has this package published.',
    });
  }
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding !== 'identity') throw malformed(url, `sent it as ${encoding}`);
  if (!range) {
    if (status === 206) throw malformed(url, 'sent a part of a file that was asked for whole');
    return;
  }
  if (status === 200 && etag !== undefined && headers.get('etag') !== etag) {
    throw agentError('CHUNKS_CHANGED', `${url} is laid out in another way now`);
  }
  const span = `bytes ${range.start}-${range.end - 1}/`;
  if (status === 206 && headers.get('content-range')?.startsWith(span)) return;
  throw malformed(url, `was asked for "${span}…" and answered ${status} "${headers.get('content-range')}"`);
}

function malformed(url: string, words: string): Error {
  return agentError('CHUNKS_MALFORMED', `${url} ${words}`, {
    hint: 'Something between this device and the sync-server does not pass range requests on as they are.',
  });
}

function unreachable(url: string, watch: StallWatch, cause: unknown): Error {
  const words = watch.signal.aborted ? 'stopped sending' : 'does not answer';
  return agentError('CHUNKS_UNREACHABLE', `${url} ${words}`, {
    hint: 'Check the network and sync.chunksUrl; it is tried again by itself.',
    cause,
  });
}

class StallWatch {
  readonly #stalled = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;

  constructor(afterMs: number) {
    this.#timer = setInterval(() => {
      if (this.#bytes < TRICKLE_BYTES) this.#stalled.abort();
      this.#bytes = 0;
    }, afterMs);
  }

  get signal(): AbortSignal {
    return this.#stalled.signal;
  }

  saw(bytes: number): void {
    this.#bytes += bytes;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
