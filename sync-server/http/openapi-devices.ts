/** The part of the API description about the identity of devices. */
import { z } from 'zod';
import { enrolRequestSchema, renewRequestSchema } from '../../protocol/enrolment.ts';
import { answers, error, inPath, json } from './openapi-parts.ts';

const device = inPath('device', 'Its id');

const certificate = (summary: string, schema: z.ZodType) => ({
  post: {
    summary,
    security: [],
    requestBody: { required: true, ...json(z.toJSONSchema(schema, { io: 'input' })) },
    responses: answers(200, '{ certificate, authority }, PEM'),
  },
});

export const devicePaths = {
  '/api/devices/{device}/invitation': {
    post: {
      summary: 'A one-time code for a device’s certificate',
      parameters: [device],
      responses: answers(201, '{ code, expiresAtMs }'),
    },
  },
  '/api/devices/{device}/revocation': {
    post: {
      summary: 'End a device’s certificates at once',
      parameters: [device],
      responses: answers(200, '{ revoked }'),
    },
  },
  '/api/revocation-list': {
    get: {
      summary: 'Certificates that were revoked, for other brokers',
      security: [],
      responses: {
        200: { description: 'A PEM', content: { 'application/x-pem-file': {} } },
        default: error,
      },
    },
  },
  '/api/enrol': certificate('The first certificate, by a one-time code', enrolRequestSchema),
  '/api/enrol/renewal': certificate('The next certificate, by the key in use', renewRequestSchema),
};
