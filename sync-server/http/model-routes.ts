/** `/api/models`: publish a package, list what was published. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { serverError } from '../errors.ts';
import type { PublishedModel } from '../store/model-table.ts';
import { parseRequest } from './error-reply.ts';
import { modelView } from './fleet-view.ts';
import { decodePackageBody, PACKAGE_BODY_BYTES } from './package-body.ts';

export interface ModelRouteDeps {
  readonly models: () => readonly PublishedModel[];
  readonly publish: (
    files: ReadonlyMap<string, Buffer>,
    notes: string,
  ) => { model: PublishedModel; created: boolean };
}

const modelParams = z.object({ name: z.string().max(63), version: z.coerce.number().int().min(1) });
const publishQuery = z.object({ notes: z.string().max(2000).default('') });

export function addModelRoutes(app: FastifyInstance, { models, publish }: ModelRouteDeps): void {
  app.addContentTypeParser(
    'application/msgpack',
    { parseAs: 'buffer', bodyLimit: PACKAGE_BODY_BYTES },
    (_request, body, done) => done(null, body),
  );

  app.get('/api/models', async () => ({ models: models().map(modelView) }));

  /** With the reference by which a device is asked to install it. */
  app.get('/api/models/:name/:version', async (request) => {
    const { name, version } = parseRequest(modelParams, request.params);
    const model = models().find(({ ref }) => ref.name === name && ref.version === version);
    if (!model) {
      throw serverError('MODEL_UNKNOWN', `${name} ${version} was never published here`, {
        hint: 'List what is there: andon models.',
      });
    }
    return { ...modelView(model), ref: model.ref };
  });

  /** 201 with the model when it is new, 200 when this very package was here already. */
  app.post('/api/models', { bodyLimit: PACKAGE_BODY_BYTES }, async (request, reply) => {
    const { notes } = parseRequest(publishQuery, request.query);
    const body = parseRequest(z.instanceof(Buffer, { error: 'send application/msgpack' }), request.body);
    const { model, created } = publish(decodePackageBody(body), notes);
    return reply.code(created ? 201 : 200).send(modelView(model));
  });
}
