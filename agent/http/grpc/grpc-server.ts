/** gRPC over HTTP/2 on the sockets that it is given (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): unary calls only. */
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Counters } from '../../counters.ts';
import { agentError } from '../../errors.ts';
import { checkHost } from '../guard.ts';
import { toCodedError } from '../http-errors.ts';
import { oipStatusOf } from '../oip/oip-errors.ts';
import type { OipModels } from '../oip/oip-models.ts';
import { deadlineUs, FRAME_HEAD_BYTES, framed, MAX_MESSAGE_BYTES, messageOf } from './grpc-frame.ts';
import { grpcMethods, SERVICE } from './grpc-service.ts';

export interface GrpcServerDeps {
  readonly models: OipModels;
  /** Where the sockets come in. */
  readonly host: string;
  readonly log: Logger;
  readonly counters: Counters;
}

const OK = 0;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
/** Of our HTTP status; whatever else is INTERNAL. */
const STATUS: Readonly<Record<number, number>> = {
  400: 3,
  403: 7,
  404: 5,
  405: UNIMPLEMENTED,
  413: 8,
  503: 14,
};
const MAX_CALLS_A_CONNECTION = 100;
/** A call whose message comes no further for so long is given up. */
const STUCK_MS = 30_000;

export class GrpcServer {
  readonly #deps: GrpcServerDeps;
  readonly #methods: ReturnType<typeof grpcMethods>;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(deps: GrpcServerDeps) {
    this.#deps = deps;
    this.#methods = grpcMethods(deps.models);
    this.#server = createServer({ settings: { maxConcurrentStreams: MAX_CALLS_A_CONNECTION } });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
    });
    this.#server.on('stream', (stream, headers) => {
      // A caller that went away is nobody to answer.
      stream.on('error', () => undefined);
      void this.#call(stream, headers);
    });
  }

  /** @param socket whose first bytes are the HTTP/2 preface, not read yet */
  take(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  stop(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async #call(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const { host, counters, log } = this.#deps;
    const path = String(headers[':path']);
    try {
      checkHost(host, headers[':authority']);
      const method = this.#methods.get(path.startsWith(`/${SERVICE}/`) ? path.slice(SERVICE.length + 2) : '');
      if (!method) throw agentError('METHOD_NOT_ALLOWED', `${path.slice(0, 200)} is not spoken here`);
      const body = await bodyOf(stream);
      const encoding = headers['grpc-encoding'];
      const message = await messageOf(body, typeof encoding === 'string' ? encoding : undefined);
      const timeout = headers['grpc-timeout'];
      respond(stream, await method(message, deadlineUs(typeof timeout === 'string' ? timeout : undefined)));
    } catch (thrown) {
      const error = toCodedError(thrown);
      counters.add(error.code);
      const status = STATUS[oipStatusOf(error)] ?? INTERNAL;
      if (status === INTERNAL) log.error({ err: thrown, path }, 'call failed');
      refuse(stream, status, error.message);
    }
  }
}

/** @throws CodedError REQUEST_TOO_LARGE */
async function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.setTimeout(STUCK_MS, () => stream.close(constants.NGHTTP2_CANCEL));
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_MESSAGE_BYTES + FRAME_HEAD_BYTES) {
      throw agentError('REQUEST_TOO_LARGE', `a message may have ${MAX_MESSAGE_BYTES} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  stream.setTimeout(0);
  return Buffer.concat(chunks);
}

function respond(stream: ServerHttp2Stream, message: Buffer): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(OK) }));
  stream.end(framed(message));
}

/** Trailers alone. */
function refuse(stream: ServerHttp2Stream, status: number, words: string): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(status),
      'grpc-message': encodeURIComponent(words.slice(0, 1000)),
    },
    { endStream: true },
  );
}
