/** The Open Inference Protocol v2 under `/v2`, with the extensions of Triton that its clients use. A slot is a model. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Counters } from '../../counters.ts';
import { agentError } from '../../errors.ts';
import type { GraphSignature } from '../../inference/tensor.ts';
import type { ActiveModels, SlotModels } from '../../models/active-models.ts';
import type { InferenceFigures } from '../../monitor/inference-figures.ts';
import type { Ask, Asked } from '../../pipeline/ask.ts';
import { toCodedError } from '../http-errors.ts';
import { codingFor, compressed, decompressed } from './content-coding.ts';
import { parseInferRequest } from './infer-request.ts';
import { buildInferResponse } from './infer-response.ts';
import { infer } from './inference-handler.ts';
import { statisticsView } from './inference-statistics.ts';
import { ModelSpecs } from './model-specs.ts';
import { configOf, metadataOf, unknownModel, versionOf, versionsOf } from './model-view.ts';
import { oipBodyOf, oipStatusOf } from './oip-errors.ts';
import { OIP_LIMITS } from './oip-limits.ts';

interface OipSlot {
  /** Of a batch. */
  readonly maxRows: number;
}

export interface OipDeps {
  readonly slots: ReadonlyMap<string, OipSlot>;
  readonly models: ActiveModels;
  /** As `Pipeline.ask`. */
  readonly ask: (slot: string, ask: Ask) => Promise<Asked>;
  /** As `Engine.signature`. */
  readonly signature: (manifestSha256: string) => Promise<GraphSignature>;
  readonly figures: Pick<InferenceFigures, 'all' | 'failed'>;
  readonly engineAlive: () => boolean;
  readonly agentVersion: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

type Handler = (params: ModelParams, request: FastifyRequest, reply: FastifyReply) => unknown;

const EXTENSIONS = [
  'binary_tensor_data',
  'classification',
  'model_configuration',
  'model_repository',
  'statistics',
];
const METHODS: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const HEADER_LENGTH = 'inference-header-content-length';

/** Registers all routes on an instance whose prefix is `/v2`. */
export function addOipRoutes(app: FastifyInstance, deps: OipDeps): void {
  answerInTritonsWords(app, deps);
  app.removeAllContentTypeParsers();
  // Clients of the field send no content type, or one that says nothing: the length of the JSON decides.
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
  const specs = new ModelSpecs(deps.signature);
  const modelFor = ({ model, version }: ModelParams) => versionOf(model, modelsOf(deps, model), version);
  const specFor = (params: ModelParams) => specs.of(modelFor(params));
  const statisticsOf = (slot: string, version?: string) => {
    const models = deps.models.of(slot);
    const all = deps.figures.all().filter((each) => each.slot === slot);
    return (models ? versionsOf(models) : [])
      .filter(({ manifest }) => version === undefined || String(manifest.version) === version)
      .map(({ manifest: { name, version: number } }) => {
        const own = all.find((each) => each.model === name && each.version === number);
        return statisticsView(slot, String(number), own);
      });
  };

  route('GET', '/', () => ({ name: 'andon', version: deps.agentVersion, extensions: EXTENSIONS }));
  route('GET', '/health/live', () => ({ live: true }));
  route('GET', '/health/ready', (_params, _request, reply) => {
    const ready = deps.engineAlive() && [...deps.slots.keys()].every((slot) => deps.models.of(slot));
    return reply
      .code(ready ? 200 : 400)
      .send(ready ? { ready } : { ready, error: 'the server is not ready' });
  });

  model('GET', '', async (params) =>
    metadataOf(params.model, modelsOf(deps, params.model), await specFor(params)),
  );
  model('GET', '/ready', (params, _request, reply) => {
    const ready = modelFor(params) !== undefined && deps.engineAlive();
    const body = { name: params.model, ready };
    return reply.code(ready ? 200 : 400).send(ready ? body : { ...body, error: 'the engine is not ready' });
  });
  model('GET', '/config', async (params) =>
    configOf(params.model, await specFor(params), deps.slots.get(params.model)?.maxRows ?? 1),
  );
  route('GET', '/models/stats', () => ({
    model_stats: [...deps.slots.keys()].flatMap((slot) => statisticsOf(slot)),
  }));
  model('GET', '/stats', (params) => {
    modelFor(params);
    return { model_stats: statisticsOf(params.model, params.version) };
  });

  model('POST', '/infer', async (params, request, reply) => {
    const { headers } = request;
    const spec = await specFor(params);
    const coding = headers['content-encoding'];
    const sent = request.body instanceof Buffer ? request.body : Buffer.alloc(0);
    const body = coding === undefined ? sent : await decompressed(sent, coding, OIP_LIMITS.bodyBytes);
    const { request: asked, answer } = await infer(deps, params.model, spec, () =>
      parseInferRequest(body, headerLength(headers[HEADER_LENGTH]), spec.inputs),
    );
    const response = buildInferResponse(asked, answer);
    if (response.headerBytes === undefined) reply.header('content-type', 'application/json');
    else reply.header('content-type', 'application/octet-stream').header(HEADER_LENGTH, response.headerBytes);
    const answerCoding = codingFor(headers['accept-encoding']);
    if (answerCoding === null) return reply.send(response.body);
    return reply.header('content-encoding', answerCoding).send(await compressed(response.body, answerCoding));
  });

  route('POST', '/repository/index', () =>
    [...deps.slots.keys()].flatMap((slot) => {
      const models = deps.models.of(slot);
      if (!models) return [{ name: slot, state: 'UNAVAILABLE', reason: 'the slot has no model yet' }];
      return versionsOf(models).map(({ manifest: { version } }) => ({
        name: slot,
        version: String(version),
        state: 'READY',
        reason: '',
      }));
    }),
  );
  for (const verb of ['load', 'unload']) {
    route('POST', `/repository/models/:model/${verb}`, () => {
      throw agentError(
        'MODEL_CONTROL_REFUSED',
        'explicit model load / unload is not allowed: models come signed, with a rollout or a bundle',
      );
    });
  }
}

function modelsOf({ slots, models }: OipDeps, slot: string): SlotModels {
  if (!slots.has(slot)) throw unknownModel(slot, undefined);
  const active = models.of(slot);
  if (!active) {
    throw agentError('MODEL_NOT_ACTIVE', `Request for unknown model: '${slot}' has no available versions`);
  }
  return active;
}

function answerInTritonsWords(app: FastifyInstance, { counters, log }: OipDeps): void {
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'Not Found' }));
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
