/** The device's own API: what the page asks and sends, what the line tells, and what monitoring reads. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LIMITS } from '../../protocol/limits.ts';
import type { DesiredSlot } from '../../protocol/messages.ts';
import { agentError } from '../errors.ts';
import type { PlanStep } from '../models/install-plan.ts';
import { type Injection, injectionSchema } from '../sources/injection.ts';
import type { LineEvent } from '../sources/source.ts';
import { lineEventOf, lineEventsSchema } from './line-event-request.ts';
import { type OperatorPin, PIN_HEADER } from './operator-pin.ts';
import {
  cutLinkSchema,
  feedbackRequestSchema,
  holdRequestSchema,
  installQuerySchema,
  lookRequestSchema,
  parseRequest,
  planSchema,
} from './status-requests.ts';
import type { StoreDownload } from './store-download.ts';
import type { FeedbackRequest, HoldRequest, LookRequest, StatusView } from './view.ts';

export interface StatusRouteDeps {
  readonly view: () => StatusView;
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
}

export function addStatusRoutes(app: FastifyInstance, deps: StatusRouteDeps): void {
  const { view, answer, lookedAt, lineEvents, install, hold, plan } = deps;
  const { download, pin, inject, cutLink, metricsText } = deps;
  // Before the body is read: a stranger must not make the device take 68 MB.
  const needsPin = async (request: FastifyRequest) => pin.check(request.headers[PIN_HEADER]);
  // Where nobody has a PIN, anybody who stands here may hold: it changes nothing, and delays only what is new.
  const needsPinIfSet = async (request: FastifyRequest) => {
    if (pin.isSet) await needsPin(request);
  };
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.get('/api/status', async () => view());
  app.get('/api/health', async (_request, reply) => {
    const { engine, slots, headline } = view();
    const serves = engine.alive && slots.length > 0 && slots.every(({ champion }) => champion);
    return reply.code(serves ? 200 : 503).send({ serves, headline: headline.text });
  });
  app.post('/api/feedback', async (request) => {
    await answer(parseRequest(feedbackRequestSchema, request.body));
    return { recorded: true };
  });
  app.post('/api/looked-at', async (request) => {
    await lookedAt(parseRequest(lookRequestSchema, request.body));
    return { recorded: true };
  });
  app.post('/api/line-events', async (request) => {
    const events = parseRequest(lineEventsSchema, request.body);
    await lineEvents(events.map((event) => lineEventOf(event, Date.now())));
    return { recorded: events.length };
  });
  app.post('/api/install', { bodyLimit: LIMITS.bundleBytes, onRequest: needsPin }, async (request) => {
    const { slot = null } = parseRequest(installQuerySchema, request.query);
    if (!(request.body instanceof Buffer))
      throw agentError('REQUEST_INVALID', 'send the bundle as application/octet-stream');
    return install(request.body, slot);
  });
  app.post('/api/hold', { onRequest: needsPinIfSet }, async (request) => {
    hold(parseRequest(holdRequestSchema, request.body));
    return { applied: true };
  });
  download.addTo(app);
  app.post('/api/plan', async (request) => {
    const { slot, desired } = parseRequest(planSchema, request.body);
    return { slot, steps: plan(slot, desired) };
  });
  app.post('/api/simulator', async (request) => {
    if (!inject) throw agentError('NOT_FOUND', 'this device has no simulated line');
    inject(parseRequest(injectionSchema, request.body));
    return { applied: true };
  });
  app.post('/api/demo/link', async (request) => {
    if (!cutLink) throw agentError('NOT_FOUND', 'this device is no part of a demo');
    cutLink(parseRequest(cutLinkSchema, request.body).cut);
    return { applied: true };
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(metricsText()),
  );
}
