/** `/api/devices/…` and `/api/enrol`: invite a device, give it its certificate, renew it, revoke it. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { enrolRequestSchema, renewRequestSchema } from '../../protocol/enrolment.ts';
import { deviceIdSchema } from '../../protocol/topics.ts';
import type { DeviceIdentities } from '../access/device-identities.ts';
import { whoOf } from './access.ts';
import { parseRequest } from './error-reply.ts';

export interface DeviceIdentityRouteDeps {
  readonly identities: DeviceIdentities;
}

const params = z.object({ device: deviceIdSchema });

export function addDeviceIdentityRoutes(app: FastifyInstance, { identities }: DeviceIdentityRouteDeps): void {
  app.post('/api/devices/:device/invitation', async (request, reply) => {
    const { device } = parseRequest(params, request.params);
    return reply.code(201).send(await identities.invite(device, whoOf(request)));
  });

  app.post('/api/devices/:device/revocation', async (request) => {
    const { device } = parseRequest(params, request.params);
    return { revoked: identities.revoke(device, whoOf(request)) };
  });

  app.get('/api/revocation-list', { config: { role: 'anyone' } }, async (_request, reply) =>
    reply.type('application/x-pem-file').send(await identities.revocationList()),
  );

  // A device has no token: its code, or the key of its certificate, speaks for it.
  app.post('/api/enrol', { config: { role: 'anyone' } }, async (request) =>
    identities.enrol(parseRequest(enrolRequestSchema, request.body)),
  );
  app.post('/api/enrol/renewal', { config: { role: 'anyone' } }, async (request) =>
    identities.renew(parseRequest(renewRequestSchema, request.body)),
  );
}
