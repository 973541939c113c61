/** The admin API and the console page on one HTTP server. */
import { type FastifyInstance, fastify } from 'fastify';
import type { Logger } from 'pino';
import { codeOf } from '../../protocol/errors.ts';
import type { ServerStore } from '../store/server-store.ts';
import { type AccessDeps, addAccess } from './access.ts';
import { addAuditRoutes } from './audit-routes.ts';
import { addChunkRoutes, type ChunkRouteDeps } from './chunk-routes.ts';
import { addConsolePage } from './console-page.ts';
import { addDatasetRoutes, type DatasetRouteDeps } from './dataset-routes.ts';
import { addDeadLetterRoutes } from './dead-letter-routes.ts';
import { addDeviceIdentityRoutes, type DeviceIdentityRouteDeps } from './device-identity-routes.ts';
import { errorReply } from './error-reply.ts';
import { type FleetViewDeps, fleetView } from './fleet-view.ts';
import { addGuards } from './guards.ts';
import { LiveFeed } from './live-feed.ts';
import { addMetricRoutes, type MetricRouteDeps } from './metric-routes.ts';
import { addModelRoutes, type ModelRouteDeps } from './model-routes.ts';
import { openApiDocument } from './openapi.ts';
import { addRolloutRoutes, type RolloutRouteDeps } from './rollout-routes.ts';
import { addTrustRoutes, type TrustRouteDeps } from './trust-routes.ts';

export interface AdminApiDeps
  extends AccessDeps,
    ChunkRouteDeps,
    DatasetRouteDeps,
    DeviceIdentityRouteDeps,
    FleetViewDeps,
    MetricRouteDeps,
    ModelRouteDeps,
    RolloutRouteDeps,
    TrustRouteDeps {
  readonly catalog: ModelRouteDeps['catalog'];
  readonly rollouts: FleetViewDeps['rollouts'] & RolloutRouteDeps['rollouts'];
  readonly store: FleetViewDeps['store'] & Pick<ServerStore, 'audit'>;
  /** Where it will listen: decides which Host headers are served, and whether a server without tokens is open. */
  readonly host: string;
  /** Under which a proxy before it is called; absent: there is none. */
  readonly names?: readonly string[];
  readonly consoleFolder: string;
  /** Whether the link to the broker stands. */
  readonly brokerConnected: () => boolean;
  readonly log: Logger;
}

/** For a request to arrive whole; the framework alone would wait for ever. */
const REQUEST_WITHIN_MS = 300_000;

/** Routes only; the caller listens on `app.server`, or tests by `app.inject`. */
export async function createAdminApi(deps: AdminApiDeps): Promise<FastifyInstance> {
  const refuse = errorReply(deps.log, deps.counters);
  // `forceCloseConnections`: an open page must not hold up the end of the server.
  const app = fastify({
    forceCloseConnections: true,
    frameworkErrors: refuse,
    bodyLimit: 64 * 1024,
    requestTimeout: REQUEST_WITHIN_MS,
  });
  const view = () => fleetView(deps);
  const live = new LiveFeed(view, (error) => deps.counters.add(`live.${codeOf(error)}`));
  // A page of another site may send plain text without asking the browser first.
  app.removeContentTypeParser('text/plain');
  addGuards(app, deps.host, deps.names);
  const stillAllowed = addAccess(app, deps);
  app.setErrorHandler(refuse);
  app.setNotFoundHandler((request, reply) => {
    deps.counters.add('http.REQUEST_INVALID');
    return reply.code(404).send({
      code: 'REQUEST_INVALID',
      message: `There is no ${request.url}.`,
      hint: 'See /api/openapi.json.',
    });
  });
  // Bytes that are no HTTP: Node answers them, and they have no route.
  app.server.on('clientError', () => deps.counters.add('http.client-error'));
  app.addHook('preClose', async () => live.stop());

  app.get('/api/health', { config: { role: 'anyone' } }, async ({ caller }) => ({
    ok: true,
    broker: deps.brokerConnected(),
    ...(caller && { counters: deps.counters.snapshot() }),
  }));
  app.get('/api/fleet', async (_request, reply) => reply.header('cache-control', 'no-store').send(view()));
  app.get('/api/live', { exposeHeadRoute: false }, (request, reply) => {
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    reply.hijack();
    try {
      if (!live.add(reply.raw, () => stillAllowed(request))) reply.raw.end('event: busy\ndata: {}\n\n');
    } catch (error) {
      // Too late for an error reply; the page comes back and tries again.
      deps.counters.add(`live.${codeOf(error)}`);
      reply.raw.destroy();
    }
  });
  app.get('/api/openapi.json', async () => openApiDocument(deps.server.version));
  addChunkRoutes(app, deps);
  addTrustRoutes(app, deps);
  addModelRoutes(app, deps);
  addRolloutRoutes(app, deps);
  addAuditRoutes(app, deps.store);
  addDeadLetterRoutes(app, deps);
  addDeviceIdentityRoutes(app, deps);
  addMetricRoutes(app, deps);
  addDatasetRoutes(app, deps);
  addConsolePage(app, deps.consoleFolder);
  await app.ready();
  return app;
}
