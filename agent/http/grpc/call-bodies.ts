/** Reads what calls send. Many half messages at once take no more memory than a few whole ones. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { CodedError } from '../../../protocol/errors.ts';
import { agentError } from '../../errors.ts';
import { UnendedBodies } from '../unended-bodies.ts';
import { FRAME_HEAD_BYTES, MAX_MESSAGE_BYTES } from './grpc-frame.ts';

/** A call whose message comes no further for so long is given up. */
const STUCK_MS = 30_000;
/** Of messages that have yet to end, over all calls of all connections. */
const MAX_UNENDED_BYTES = 2 * MAX_MESSAGE_BYTES;

export class CallBodies {
  readonly #stuckMs: number;
  readonly #unended = new UnendedBodies(MAX_UNENDED_BYTES);

  constructor(stuckMs = STUCK_MS) {
    this.#stuckMs = stuckMs;
  }

  /** @throws CodedError REQUEST_TOO_LARGE, QUEUE_FULL, REQUEST_TIMEOUT, REQUEST_INVALID when the caller leaves before its end */
  async read(stream: ServerHttp2Stream): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isStuck = false;
    stream.setTimeout(this.#stuckMs, () => {
      isStuck = true;
      stream.close(constants.NGHTTP2_CANCEL);
    });
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        this.#unended.take(chunk.length, bytes);
        if (bytes > MAX_MESSAGE_BYTES + FRAME_HEAD_BYTES) {
          throw agentError('REQUEST_TOO_LARGE', `a message may have ${MAX_MESSAGE_BYTES} bytes`);
        }
        chunks.push(chunk);
      }
    } catch (cause) {
      if (cause instanceof CodedError) throw cause;
      if (isStuck)
        throw agentError('REQUEST_TIMEOUT', `no more of the message came for ${this.#stuckMs / 1000} s`);
      throw agentError('REQUEST_INVALID', 'the call broke off before its message ended', { cause });
    } finally {
      this.#unended.release(bytes);
      stream.setTimeout(0);
    }
    return Buffer.concat(chunks);
  }
}
