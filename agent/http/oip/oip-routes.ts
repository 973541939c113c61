/** The Open Inference Protocol v2 under `/v2`, with the extensions of Triton that its clients use. A slot is a model. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { Logger } from 'pino';
import type { Counters } from '../../../daemon/counters.ts';
import { agentError } from '../../errors.ts';
import { toCodedError } from '../http-errors.ts';
import { UnendedBodies } from '../unended-bodies.ts';
import { metered } from './body-meter.ts';
import { codingFor, compressed, decompressed } from './content-coding.ts';
import { parseInferRequest } from './infer-request.ts';
import { buildInferResponse } from './infer-response.ts';
import { oipBodyOf, oipStatusOf } from './oip-errors.ts';
import { OIP_LIMITS } from './oip-limits.ts';
import { type OipModels, type OipModelsDeps, refuseControl } from './oip-models.ts';

export interface OipDeps extends OipModelsDeps {
  readonly log: Logger;
  readonly counters: Counters;
}

interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

type Handler = (params: ModelParams, request: FastifyRequest, reply: FastifyReply) => unknown;

const METHODS: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const HEADER_LENGTH = 'inference-header-content-length';

/** Registers all routes on an instance whose prefix is `/v2`. */
export function addOipRoutes(app: FastifyInstance, models: OipModels, deps: OipDeps): void {
  answerInTritonsWords(app, deps);
  app.removeAllContentTypeParsers();
  // Clients of the field send no content type, or one that says nothing: the length of the JSON decides.
  const bodies = new UnendedBodies(OIP_LIMITS.unendedBytes);
  app.addHook('preParsing', (request, _reply, payload, done) =>
    done(null, metered(request, payload, bodies)),
  );
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  const route = (method: HTTPMethods, url: string, handler: Handler): void => {
    app.route({
      method,
      url,
      bodyLimit: OIP_LIMITS.bodyBytes,
      handler: (request, reply) => handler(request.params as ModelParams, request, reply),
    });
    app.route({
      method: METHODS.filter((each) => each !== method),
      url,
      handler: () => {
        throw agentError('METHOD_NOT_ALLOWED', 'Method Not Allowed');
      },
    });
  };
  const model = (method: HTTPMethods, tail: string, handler: Handler): void => {
    route(method, `/models/:model${tail}`, handler);
    route(method, `/models/:model/versions/:version(^[0-9]+$)${tail}`, handler);
  };

  route('GET', '/', () => models.server());
  route('GET', '/health/live', () => ({ live: true }));
  route('GET', '/health/ready', (_params, _request, reply) => {
    const ready = models.isReady();
    return reply
      .code(ready ? 200 : 400)
      .send(ready ? { ready } : { ready, error: 'the server is not ready' });
  });

  model('GET', '', (params) => models.metadata(params.model, params.version));
  model('GET', '/ready', (params, _request, reply) => {
    const ready = models.isModelReady(params.model, params.version);
    const body = { name: params.model, ready };
    return reply.code(ready ? 200 : 400).send(ready ? body : { ...body, error: 'the engine is not ready' });
  });
  model('GET', '/config', (params) => models.config(params.model, params.version));
  route('GET', '/models/stats', () => ({ model_stats: models.statistics() }));
  model('GET', '/stats', (params) => ({ model_stats: models.statistics(params.model, params.version) }));

  model('POST', '/infer', async (params, request, reply) => {
    const { headers } = request;
    const coding = headers['content-encoding'];
    const sent = request.body instanceof Buffer ? request.body : Buffer.alloc(0);
    const body = coding === undefined ? sent : await decompressed(sent, coding, OIP_LIMITS.bodyBytes);
    const { request: asked, answer } = await models.infer(params.model, params.version, ({ inputs }) =>
      parseInferRequest(body, headerLength(headers[HEADER_LENGTH]), inputs),
    );
    const response = buildInferResponse(asked, answer);
    if (response.headerBytes === undefined) reply.header('content-type', 'application/json');
    else reply.header('content-type', 'application/octet-stream').header(HEADER_LENGTH, response.headerBytes);
    const answerCoding = codingFor(headers['accept-encoding']);
    if (answerCoding === null) return reply.send(response.body);
    return reply.header('content-encoding', answerCoding).send(await compressed(response.body, answerCoding));
  });

  route('POST', '/repository/index', () => models.index());
  for (const verb of ['load', 'unload']) route('POST', `/repository/models/:model/${verb}`, refuseControl);
}

function answerInTritonsWords(app: FastifyInstance, { counters, log }: OipDeps): void {
  app.setNotFoundHandler((_request, reply) => {
    counters.add('http.not-found');
    return reply.code(404).send({ error: 'Not Found' });
  });
  app.setErrorHandler((thrown, request, reply) => {
    const error = toCodedError(thrown);
    counters.add(error.code);
    const status = oipStatusOf(error);
    if (status === 500) log.error({ err: thrown, url: request.url }, 'request failed');
    return reply.code(status).send(oipBodyOf(error));
  });
}

/** @throws CodedError REQUEST_INVALID */
function headerLength(value: string | string[] | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^\d{1,10}$/.test(value)) return Number(value);
  throw agentError('REQUEST_INVALID', `${HEADER_LENGTH} is ${JSON.stringify(value)}, not a number of bytes`);
}
