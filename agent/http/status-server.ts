/** The device's own HTTP: one port for the status page, the API, live updates and inference, and what guards it. */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import { agentError } from '../errors.ts';
import { checkHost, checkOrigin, SECURITY_HEADERS } from './guard.ts';
import { bodyOf, statusOf, toCodedError } from './http-errors.ts';
import { InferencePort } from './inference-port.ts';
import { LiveStream } from './live-stream.ts';
import type { OipDeps } from './oip/oip-routes.ts';
import { addPageRoutes, type PageFile, readPageFiles } from './page-files.ts';
import { addStatusRoutes, type StatusRouteDeps } from './status-routes.ts';

const BODY_LIMIT_BYTES = 64 * 1024;

export interface StatusServerDeps extends StatusRouteDeps {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** gRPC is spoken on the port too; absent: HTTP alone. */
  readonly grpc?: boolean;
  /** Calls the listener after every change of the view; returns how to end that. */
  readonly changed: (listener: () => void) => () => void;
  /** Open Inference Protocol under `/v2`. */
  readonly inference?: OipDeps;
  /** Folder of the built page: index.html, app.js, app.css. */
  readonly pageFolder: string;
  readonly log: Logger;
  readonly counters: Counters;
}

export class StatusServer {
  readonly #deps: StatusServerDeps;
  readonly #live: LiveStream;
  readonly #inference: InferencePort | undefined;
  #page: ReadonlyMap<string, PageFile> | undefined;
  #connections = 0;
  /** The fastify instance, for `inject` in tests. */
  readonly app: FastifyInstance;

  constructor(deps: StatusServerDeps) {
    this.#deps = deps;
    this.#live = new LiveStream({
      view: () => JSON.stringify(deps.view()),
      changed: deps.changed,
      counters: deps.counters,
    });
    this.app = Fastify({
      bodyLimit: BODY_LIMIT_BYTES,
      forceCloseConnections: true,
      frameworkErrors: (thrown, request, reply) => this.#refuse(thrown, request, reply),
    });
    this.app.server.on('connection', (socket) => {
      this.#connections += 1;
      socket.once('close', () => {
        this.#connections -= 1;
      });
    });
    this.#addGuards();
    addPageRoutes(this.app, () => this.#page);
    this.#live.addTo(this.app);
    addStatusRoutes(this.app, deps);
    const { inference, host, grpc = false } = deps;
    this.#inference = inference && new InferencePort(this.app, { inference, host, grpc });
  }

  /** Open now. */
  get connections(): number {
    return this.#connections;
  }

  /**
   * Reads the page and listens.
   * @returns the address to open in a browser on this machine
   * @throws CodedError PORT_TAKEN
   */
  async start(): Promise<string> {
    const { host, port } = this.#deps;
    this.#page = readPageFiles(this.#deps.pageFolder);
    try {
      await this.app.listen({ host, port });
    } catch (cause) {
      throw cannotListen(host, port, cause);
    }
    this.#live.start();
    const address = this.app.server.address();
    const realPort = typeof address === 'object' && address ? address.port : port;
    const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
    return `http://${name.includes(':') ? `[${name}]` : name}:${realPort}`;
  }

  async stop(): Promise<void> {
    this.#live.stop();
    await this.#inference?.stop();
    await this.app.close();
  }

  #addGuards(): void {
    const { app } = this;
    app.removeContentTypeParser('text/plain');
    app.addHook('onRequest', async (request, reply) => {
      // What a browser may show carries them; an answer to infer goes to a program, thousands of times a second.
      if (!isInference(request)) reply.headers(SECURITY_HEADERS).header('cache-control', 'no-store');
      checkHost(this.#deps.host, request.headers.host);
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        checkOrigin(request.headers.host, request.headers.origin);
      }
    });
    app.setNotFoundHandler((_request, reply) => {
      this.#deps.counters.add('http.not-found');
      const error = agentError('NOT_FOUND', 'there is nothing at this address', {
        hint: 'The page is at /.',
      });
      return reply.code(404).send(bodyOf(error));
    });
    app.setErrorHandler((thrown, request, reply) => this.#refuse(thrown, request, reply));
    // Bytes that are no HTTP: Node answers them, and they have no route.
    app.server.on('clientError', () => this.#deps.counters.add('http.client-error'));
  }

  #refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = toCodedError(thrown);
    this.#deps.counters.add(error.code);
    const status = statusOf(error);
    if (status === 500) this.#deps.log.error({ err: thrown, url: request.url }, 'request failed');
    return reply.code(status).send(bodyOf(error));
  }
}

function isInference({ method, url }: FastifyRequest): boolean {
  return method === 'POST' && url.startsWith('/v2/');
}

function cannotListen(host: string, port: number, cause: unknown) {
  const code = codeOf(cause);
  const why =
    code === 'EADDRINUSE'
      ? 'another program uses it'
      : code === 'EACCES'
        ? 'this user may not use it'
        : (cause as Error).message;
  return agentError('PORT_TAKEN', `cannot listen on ${host} port ${port}: ${why}`, {
    hint: 'Set another http.port in device.config.json; 0 takes a free one.',
    cause,
  });
}
