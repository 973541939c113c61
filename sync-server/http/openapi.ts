/** The admin API described for tools (OpenAPI 3.1). Request bodies come from the schemas that check them. */
import { z } from 'zod';
import { signInBody } from './access.ts';
import { auditQuery } from './audit-routes.ts';
import { deadLetterQuery } from './dead-letter-routes.ts';
import { metricQuerySchema } from './metric-routes.ts';
import { datasetPaths } from './openapi-datasets.ts';
import { devicePaths } from './openapi-devices.ts';
import { modelPaths } from './openapi-models.ts';
import { answers, error, inPath, inQuery, json } from './openapi-parts.ts';
import { startRolloutSchema } from './rollout-routes.ts';

const idParameter = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
const indexParameter = {
  name: 'indexSha256',
  in: 'path',
  required: true,
  schema: { type: 'string', pattern: '^[0-9a-f]{64}$' },
};

const rolloutAction = (summary: string) => ({
  post: { summary, parameters: [idParameter], responses: answers(200, 'The rollout') },
});

export function openApiDocument(version: string): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Andon admin API', version },
    // A server on loopback without tokens asks for none.
    security: [{ token: [] }, { session: [] }],
    paths: {
      '/api/health': { get: { summary: 'Is the server up, and its broker', responses: answers(200, 'Up') } },
      '/api/session': {
        get: { summary: 'Who calls', responses: answers(200, '{ name, role }') },
        post: {
          summary: 'Sign in by a token; answers with a session cookie',
          requestBody: { required: true, ...json(z.toJSONSchema(signInBody)) },
          responses: answers(200, '{ name, role }'),
        },
        delete: { summary: 'Sign out', responses: { 204: { description: 'Signed out' } } },
      },
      '/api/audit': {
        get: {
          summary: 'Who changed what, newest first, each row with its hash',
          parameters: [inQuery('limit', z.toJSONSchema(auditQuery.shape.limit, { io: 'input' }))],
          responses: answers(200, '{ entries }'),
        },
      },
      ...devicePaths,
      '/api/fleet': {
        get: { summary: 'Everything the console shows', responses: answers(200, 'FleetView') },
      },
      '/api/live': {
        get: {
          summary: 'The fleet view as server-sent events, when it changes',
          responses: { 200: { description: 'Events', content: { 'text/event-stream': {} } } },
        },
      },
      '/api/dead-letters': {
        get: {
          summary: 'Messages that were refused, newest first',
          parameters: [inQuery('limit', z.toJSONSchema(deadLetterQuery.shape.limit, { io: 'input' }))],
          responses: answers(200, '{ kept, deadLetters }'),
        },
        delete: { summary: 'Drop them all', responses: answers(200, '{ dropped }') },
      },
      '/api/dead-letters/{id}': {
        get: {
          summary: 'One refused message with the first bytes of what it said',
          parameters: [inPath('id', 'Its number')],
          responses: answers(200, 'DeadLetterView and headBase64'),
        },
        delete: {
          summary: 'Drop it',
          parameters: [inPath('id', 'Its number')],
          responses: answers(200, '{ dropped }'),
        },
      },
      '/api/trust': {
        get: {
          summary: 'Signed metadata in short, and this server’s public key',
          responses: answers(200, 'TrustView'),
        },
        put: {
          summary: 'Publish newer roots and a newer list of what may run',
          requestBody: {
            description: 'A msgpack map: <n>.root.json and targets.json, to bytes',
            required: true,
            content: { 'application/msgpack': {} },
          },
          responses: answers(200, 'TrustView'),
        },
      },
      '/api/trust/files': {
        get: { summary: 'All signed metadata as texts', responses: answers(200, 'name -> text') },
      },
      '/api/metrics/{slot}': {
        get: {
          summary: 'How well each version of a slot’s model does: with intervals, over time, by slice',
          parameters: [
            inPath('slot', 'Of the devices'),
            ...Object.entries(metricQuerySchema.shape).map(([name, schema]) =>
              inQuery(name, z.toJSONSchema(schema, { io: 'input' })),
            ),
          ],
          responses: answers(200, 'SlotMetricsView'),
        },
      },
      ...modelPaths,
      ...datasetPaths,
      '/chunks/{indexSha256}': {
        get: {
          summary: 'A package or the signed metadata as one file, whole or by a range (docs/delivery.md)',
          parameters: [
            indexParameter,
            { name: 'range', in: 'header', schema: { type: 'string' }, description: 'One range of bytes' },
          ],
          responses: {
            200: { description: 'The whole pack', content: { 'application/octet-stream': {} } },
            206: { description: 'The range', content: { 'application/octet-stream': {} } },
            416: { description: 'The range is not there' },
            503: { description: 'Too many downloads; see Retry-After' },
            default: error,
          },
        },
      },
      '/chunks/{indexSha256}/index': {
        get: {
          summary: 'The list of its chunks',
          parameters: [indexParameter],
          responses: {
            200: { description: 'One encoded chunk', content: { 'application/octet-stream': {} } },
            default: error,
          },
        },
      },
      '/api/rollouts': {
        get: { summary: 'Rollouts, newest first', responses: answers(200, '{ rollouts }') },
        post: {
          summary: 'Start a rollout',
          requestBody: { required: true, ...json(z.toJSONSchema(startRolloutSchema, { io: 'input' })) },
          responses: answers(201, 'The rollout'),
        },
      },
      '/api/rollouts/{id}/pause': rolloutAction('Stop moving on; what runs where stays'),
      '/api/rollouts/{id}/resume': rolloutAction('Go on'),
      '/api/rollouts/{id}/approve': rolloutAction('Let it into the stage that waits for a person'),
      '/api/rollouts/{id}/abort': rolloutAction('Bring back what ran before'),
    },
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'Made by `andon tokens add`' },
        session: { type: 'apiKey', in: 'cookie', name: 'andon-session' },
      },
      schemas: {
        Error: {
          type: 'object',
          required: ['code', 'message', 'hint'],
          properties: {
            code: { type: 'string' },
            message: { type: 'string' },
            hint: { type: ['string', 'null'] },
          },
        },
      },
    },
  };
}
