/** `/api/models`: publish a package, find what was published, and mark it with a stage, a note, an alias. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ModelCatalog } from '../registry/model-catalog.ts';
import { modelQuerySchema } from '../registry/model-query.ts';
import { MODEL_STAGES } from '../store/model-marks.ts';
import type { PublishedModel } from '../store/model-table.ts';
import { whoOf } from './access.ts';
import { parseRequest } from './error-reply.ts';
import { decodePackageBody, PACKAGE_BODY_BYTES } from './package-body.ts';

export interface ModelRouteDeps {
  readonly catalog: ModelCatalog;
  readonly publish: (
    files: ReadonlyMap<string, Buffer>,
    notes: string,
    who: string,
  ) => { model: PublishedModel; created: boolean };
}

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a model’s name');
/** A version (`3`) or an alias (`champion`). */
const reference = name;
const modelParams = z.object({ name, reference });
/** Never a number, which would be a version; `latest` would promise what nobody keeps. */
const alias = z
  .string()
  .regex(/^(?=.*[a-z])[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes, at least one letter')
  .refine((word) => word !== 'latest', 'another word than "latest"');
const aliasParams = z.object({ name, alias });
const note = z.string().max(2000);
const by = z.string().min(1).max(64);
const publishQuery = z.object({ notes: note.default('') });

export const noteBody = z.strictObject({ text: note, by });
export const stageBody = z.strictObject({ stage: z.enum(MODEL_STAGES), by });
export const aliasBody = z.strictObject({ reference, by });
const dropAliasQuery = z.strictObject({ by });

export function addModelRoutes(app: FastifyInstance, { catalog, publish }: ModelRouteDeps): void {
  app.addContentTypeParser(
    'application/msgpack',
    { parseAs: 'buffer', bodyLimit: PACKAGE_BODY_BYTES },
    (_request, body, done) => done(null, body),
  );

  app.get('/api/models', async (request) => ({
    models: catalog.views(parseRequest(modelQuerySchema, request.query)),
  }));

  /** With the reference by which a device is asked to install it. */
  app.get('/api/models/:name/:reference', async (request) => {
    const params = parseRequest(modelParams, request.params);
    const { ref } = catalog.find(params.name, params.reference);
    return { ...catalog.view(params.name, params.reference), ref };
  });

  app.get('/api/models/:name/:reference/lineage', async (request) => {
    const params = parseRequest(modelParams, request.params);
    return catalog.lineage(params.name, params.reference);
  });

  /** 201 with the model when it is new, 200 when this very package was here already. */
  app.post('/api/models', { bodyLimit: PACKAGE_BODY_BYTES }, async (request, reply) => {
    const { notes } = parseRequest(publishQuery, request.query);
    const body = parseRequest(z.instanceof(Buffer, { error: 'send application/msgpack' }), request.body);
    const { model, created } = publish(decodePackageBody(body), notes, whoOf(request));
    const { name, version } = model.ref;
    return reply.code(created ? 201 : 200).send(catalog.view(name, String(version)));
  });

  app.put('/api/models/:name/:reference/note', { config: { role: 'operator' } }, async (request) => {
    const params = parseRequest(modelParams, request.params);
    const { text, by } = parseRequest(noteBody, request.body);
    return catalog.setNote(params.name, params.reference, text, whoOf(request, by));
  });

  app.put('/api/models/:name/:reference/stage', async (request) => {
    const params = parseRequest(modelParams, request.params);
    const { stage, by } = parseRequest(stageBody, request.body);
    return catalog.setStage(params.name, params.reference, stage, whoOf(request, by));
  });

  app.put('/api/models/:name/aliases/:alias', async (request) => {
    const params = parseRequest(aliasParams, request.params);
    const { reference, by } = parseRequest(aliasBody, request.body);
    return catalog.setAlias(params.name, params.alias, reference, whoOf(request, by));
  });

  app.delete('/api/models/:name/aliases/:alias', async (request) => {
    const params = parseRequest(aliasParams, request.params);
    const { by } = parseRequest(dropAliasQuery, request.query);
    return catalog.dropAlias(params.name, params.alias, whoOf(request, by));
  });
}
