/** The device's own HTTP: status page, its API with live updates, operator answers, health, metrics. */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { codeOf } from '../../protocol/errors.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { type DesiredSlot, desiredSlotSchema, firstIssues } from '../../protocol/messages.ts';
import { parsePredictionId } from '../../protocol/records.ts';
import type { Counters } from '../counters.ts';
import { agentError } from '../errors.ts';
import type { PlanStep } from '../models/install-plan.ts';
import { type Injection, injectionSchema } from '../sources/injection.ts';
import type { LineEvent } from '../sources/source.ts';
import { checkHost, checkOrigin, SECURITY_HEADERS } from './guard.ts';
import { bodyOf, statusOf, toCodedError } from './http-errors.ts';
import { InferencePort } from './inference-port.ts';
import { lineEventOf, lineEventsSchema } from './line-event-request.ts';
import { LiveStream } from './live-stream.ts';
import type { OipDeps } from './oip/oip-routes.ts';
import { type OperatorPin, PIN_HEADER } from './operator-pin.ts';
import { type PageFile, pageNotBuilt, readPageFiles } from './page-files.ts';
import type { StoreDownload } from './store-download.ts';
import type { FeedbackRequest, HoldRequest, LookRequest, StatusView } from './view.ts';

const BODY_LIMIT_BYTES = 64 * 1024;

export interface StatusServerDeps {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** gRPC is spoken on the port too; absent: HTTP alone. */
  readonly grpc?: boolean;
  readonly view: () => StatusView;
  /** Calls the listener after every change of the view; returns how to end that. */
  readonly changed: (listener: () => void) => () => void;
  /**
   * Records an operator's answer; resolves when it is durable.
   * @throws CodedError PREDICTION_UNKNOWN, REQUEST_INVALID (no such label), STORE_FULL
   */
  readonly answer: (request: FeedbackRequest) => Promise<void>;
  /**
   * Keeps how long somebody looked at a prediction, as evidence; durable when it resolves.
   * @throws CodedError PREDICTION_UNKNOWN, STORE_FULL
   */
  readonly lookedAt: (request: LookRequest) => Promise<void>;
  /**
   * Takes what other systems of the line tell of; durable when it resolves.
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE
   */
  readonly lineEvents: (events: readonly LineEvent[]) => Promise<void>;
  /**
   * Installs a bundle that a person brought.
   * @param slot null: whichever fits
   * @throws CodedError PAYLOAD_*, PACKAGE_*, TRUST_*, TARGET_*, SLOT_UNKNOWN
   */
  readonly install: (bundle: Buffer, slot: string | null) => Promise<{ slot: string; title: string }>;
  /**
   * What a desired state of a slot would do here, without doing it.
   * @throws CodedError SLOT_UNKNOWN
   */
  readonly plan: (slot: string, desired: DesiredSlot) => readonly PlanStep[];
  /**
   * Holds or releases the models of a slot; durable when it returns.
   * @throws CodedError SLOT_UNKNOWN, STORE_FULL, STORE_UNWRITABLE
   */
  readonly hold: (request: HoldRequest) => void;
  readonly download: Pick<StoreDownload, 'addTo'>;
  readonly pin: OperatorPin;
  /** Only where a source is simulated. */
  readonly inject?: (injection: Injection) => void;
  /** Only in a demo: drops the connection to the broker and keeps it down until told otherwise. */
  readonly cutLink?: (cut: boolean) => void;
  readonly metricsText: () => string;
  /** Open Inference Protocol under `/v2`. */
  readonly inference?: OipDeps;
  /** Folder of the built page: index.html, app.js, app.css. */
  readonly pageFolder: string;
  readonly log: Logger;
  readonly counters: Counters;
}

const feedbackRequestSchema = z.strictObject({
  predictionId: z.string().refine((id) => parsePredictionId(id), 'not the id of a prediction'),
  label: z.string().min(1).max(256).nullable(),
}) satisfies z.ZodType<FeedbackRequest>;

const lookRequestSchema = z.strictObject({
  predictionId: z.string().refine((id) => parsePredictionId(id), 'not the id of a prediction'),
  durationMs: z
    .int()
    .min(0)
    .max(24 * 3_600_000),
}) satisfies z.ZodType<LookRequest>;

const slotName = z.string().min(1).max(64);

const holdRequestSchema = z.discriminatedUnion('hold', [
  z.strictObject({ hold: z.literal(false), slot: slotName }),
  z.strictObject({
    hold: z.literal(true),
    slot: slotName,
    reason: z.string().trim().min(1).max(200),
    untilMs: z.int().positive().optional(),
  }),
]) satisfies z.ZodType<HoldRequest>;

const installQuerySchema = z.strictObject({ slot: z.string().min(1).max(64).optional() });

const planSchema = z.strictObject({ slot: z.string().min(1).max(64), desired: desiredSlotSchema });

const cutLinkSchema = z.strictObject({ cut: z.boolean() });

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
    this.#addRoutes();
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

  #addRoutes(): void {
    const { app } = this;
    const { view, answer, lookedAt, lineEvents, install, hold, plan } = this.#deps;
    const { download, pin, inject, cutLink, metricsText } = this.#deps;
    // Before the body is read: a stranger must not make the device take 68 MB.
    const needsPin = async (request: FastifyRequest) => pin.check(request.headers[PIN_HEADER]);
    // Where nobody has a PIN, anybody who stands here may hold: it changes nothing, and delays only what is new.
    const needsPinIfSet = async (request: FastifyRequest) => {
      if (pin.isSet) await needsPin(request);
    };
    app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    );
    for (const [url, name] of Object.entries({
      '/': 'index.html',
      '/app.js': 'app.js',
      '/app.css': 'app.css',
    })) {
      app.get(url, async (request, reply) => {
        const file = this.#page?.get(name);
        if (!file) throw pageNotBuilt();
        reply.header('cache-control', 'no-cache').header('etag', file.etag);
        if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
        return reply.type(file.type).send(file.bytes);
      });
    }
    app.get('/api/status', async () => view());
    app.get('/api/live', { exposeHeadRoute: false }, async (_request, reply) => {
      this.#live.checkRoom();
      reply.hijack();
      this.#live.add(reply.raw, SECURITY_HEADERS);
    });
    app.get('/api/health', async (_request, reply) => {
      const { engine, slots, headline } = view();
      const serves = engine.alive && slots.length > 0 && slots.every(({ champion }) => champion);
      return reply.code(serves ? 200 : 503).send({ serves, headline: headline.text });
    });
    app.post('/api/feedback', async (request) => {
      await answer(parseBody(feedbackRequestSchema, request.body));
      return { recorded: true };
    });
    app.post('/api/looked-at', async (request) => {
      await lookedAt(parseBody(lookRequestSchema, request.body));
      return { recorded: true };
    });
    app.post('/api/line-events', async (request) => {
      const events = parseBody(lineEventsSchema, request.body);
      await lineEvents(events.map((event) => lineEventOf(event, Date.now())));
      return { recorded: events.length };
    });
    app.post('/api/install', { bodyLimit: LIMITS.bundleBytes, onRequest: needsPin }, async (request) => {
      const { slot = null } = parseBody(installQuerySchema, request.query);
      if (!(request.body instanceof Buffer))
        throw agentError('REQUEST_INVALID', 'send the bundle as application/octet-stream');
      return install(request.body, slot);
    });
    app.post('/api/hold', { onRequest: needsPinIfSet }, async (request) => {
      hold(parseBody(holdRequestSchema, request.body));
      return { applied: true };
    });
    download.addTo(app);
    app.post('/api/plan', async (request) => {
      const { slot, desired } = parseBody(planSchema, request.body);
      return { slot, steps: plan(slot, desired) };
    });
    app.post('/api/simulator', async (request) => {
      if (!inject) throw agentError('NOT_FOUND', 'this device has no simulated line');
      inject(parseBody(injectionSchema, request.body));
      return { applied: true };
    });
    app.post('/api/demo/link', async (request) => {
      if (!cutLink) throw agentError('NOT_FOUND', 'this device is no part of a demo');
      cutLink(parseBody(cutLinkSchema, request.body).cut);
      return { applied: true };
    });
    app.get('/metrics', async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send(metricsText()),
    );
  }
}

function isInference({ method, url }: FastifyRequest): boolean {
  return method === 'POST' && url.startsWith('/v2/');
}

function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw agentError('REQUEST_INVALID', firstIssues(parsed.error));
  return parsed.data;
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
