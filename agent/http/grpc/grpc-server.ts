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
import type { Counters } from '../../../daemon/counters.ts';
import { codeOf } from '../../../protocol/errors.ts';
import { agentError } from '../../errors.ts';
import { checkHost } from '../guard.ts';
import { toCodedError } from '../http-errors.ts';
import { oipStatusOf } from '../oip/oip-errors.ts';
import type { OipModels } from '../oip/oip-models.ts';
import { CallBodies } from './call-bodies.ts';
import { deadlineUs, framed, messageOf } from './grpc-frame.ts';
import { grpcMethods, SERVICE } from './grpc-service.ts';

export interface GrpcServerDeps {
  readonly models: OipModels;
  /** Where the sockets come in. */
  readonly host: string;
  /** Default: 30 s. */
  readonly stuckMs?: number;
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
/** A connection on which nothing moves is told to go; its client makes a new one when it has something to ask. */
const IDLE_MS = 60_000;
const MAX_CONNECTIONS = 256;

export class GrpcServer {
  readonly #deps: GrpcServerDeps;
  readonly #methods: ReturnType<typeof grpcMethods>;
  readonly #server: Http2Server;
  /** That with the oldest call first. */
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #bodies: CallBodies;

  constructor(deps: GrpcServerDeps) {
    this.#deps = deps;
    this.#methods = grpcMethods(deps.models);
    this.#bodies = new CallBodies(deps.stuckMs);
    this.#server = createServer({ settings: { maxConcurrentStreams: MAX_CALLS_A_CONNECTION } });
    this.#server.on('session', (session) => {
      this.#makeRoom();
      this.#sessions.add(session);
      session.on('stream', () => {
        if (this.#sessions.delete(session)) this.#sessions.add(session);
      });
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => deps.counters.add('grpc.client-error'));
      // One that broke the rules hears no more of its client, not even the end.
      session.setTimeout(IDLE_MS, () => (session.closed ? session.destroy() : session.close()));
    });
    this.#server.on('stream', (stream, headers) => {
      // A caller that went away is nobody to answer.
      stream.on('error', () => undefined);
      // Whatever strangers send, and whenever they leave: it never ends the agent.
      this.#call(stream, headers).catch((error: unknown) => {
        deps.counters.add(codeOf(error));
        deps.log.error({ err: error }, 'call failed');
      });
    });
  }

  /** @param socket whose first bytes are the HTTP/2 preface, not read yet */
  take(socket: Socket): void {
    // That of HTTP/1.1 may answer who has already said good-bye; a session would wait here for ever.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  stop(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** Whoever comes gets in, and whoever asked nothing for longest has to connect again: so nobody can take all places. */
  #makeRoom(): void {
    const [idlest] = this.#sessions;
    if (!idlest || this.#sessions.size < MAX_CONNECTIONS) return;
    this.#deps.counters.add('grpc.connection-ended');
    this.#sessions.delete(idlest);
    idlest.destroy();
  }

  async #call(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const { host, counters, log } = this.#deps;
    const path = String(headers[':path']);
    if (!headers['content-type']?.startsWith('application/grpc')) {
      counters.add('REQUEST_INVALID');
      if (isOpen(stream))
        stream.respond({ ':status': constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE }, { endStream: true });
      return;
    }
    try {
      checkHost(host, headers[':authority']);
      const method = this.#methods.get(path.startsWith(`/${SERVICE}/`) ? path.slice(SERVICE.length + 2) : '');
      if (!method) throw agentError('METHOD_NOT_ALLOWED', `${path.slice(0, 200)} is not spoken here`);
      const body = await this.#bodies.read(stream);
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

function respond(stream: ServerHttp2Stream, message: Buffer): void {
  if (!isOpen(stream)) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(OK) }));
  stream.end(framed(message));
}

/** Of a stream that was given up it says `closed` long before `destroyed`; an answer then throws. */
function isOpen(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed && !stream.headersSent;
}

/** Trailers alone. */
function refuse(stream: ServerHttp2Stream, status: number, words: string): void {
  if (!isOpen(stream)) return;
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
