/** The part of the API description that is about published models. */
import { z } from 'zod';
import { modelQuerySchema } from '../registry/model-query.ts';
import { aliasBody, noteBody, stageBody } from './model-routes.ts';
import { answers, inPath, inQuery, json } from './openapi-parts.ts';

const model = [inPath('name', 'Of the model'), inPath('reference', 'A version or an alias')];
const aliasOf = [inPath('name', 'Of the model'), inPath('alias', 'A word of letters, digits and dashes')];
const bodyOf = (schema: z.ZodType) => ({
  required: true,
  ...json(z.toJSONSchema(schema, { io: 'input' })),
});

export const modelPaths = {
  '/api/models': {
    get: {
      summary: 'Published models; all that are given must hold',
      parameters: Object.entries(modelQuerySchema.shape).map(([name, schema]) =>
        inQuery(name, z.toJSONSchema(schema, { io: 'input' })),
      ),
      responses: answers(200, '{ models: ModelView[] }'),
    },
    post: {
      summary: 'Publish a package that is on the signed list',
      parameters: [inQuery('notes', { type: 'string', maxLength: 2000 })],
      requestBody: {
        description: 'A msgpack map from path to bytes of all files of the package folder',
        required: true,
        content: { 'application/msgpack': {} },
      },
      responses: { ...answers(201, 'ModelView'), 200: { description: 'It was published before' } },
    },
  },
  '/api/models/{name}/{reference}': {
    get: {
      summary: 'One published model, with its reference',
      parameters: model,
      responses: answers(200, 'ModelDetailView'),
    },
  },
  '/api/models/{name}/{reference}/lineage': {
    get: {
      summary: 'What it was made from, and what was made from it',
      parameters: model,
      responses: answers(200, 'LineageView'),
    },
  },
  '/api/models/{name}/{reference}/note': {
    put: {
      summary: 'Change its notes',
      parameters: model,
      requestBody: bodyOf(noteBody),
      responses: answers(200, 'ModelView'),
    },
  },
  '/api/models/{name}/{reference}/stage': {
    put: {
      summary: 'Say which stage of its life it is in; for people, no rollout goes by it',
      parameters: model,
      requestBody: bodyOf(stageBody),
      responses: answers(200, 'ModelView'),
    },
  },
  '/api/models/{name}/aliases/{alias}': {
    put: {
      summary: 'Point an alias to a version',
      parameters: aliasOf,
      requestBody: bodyOf(aliasBody),
      responses: answers(200, 'ModelView'),
    },
    delete: {
      summary: 'Take an alias away',
      parameters: [...aliasOf, inQuery('by', { type: 'string', minLength: 1, maxLength: 64 })],
      responses: answers(200, 'ModelView it pointed to'),
    },
  },
};
