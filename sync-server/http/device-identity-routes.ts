/** `/api/devices/…` and `/api/enrol`: invite a device, give it its certificate, renew it, revoke it. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Counters } from '../../daemon/counters.ts';
import { enrolRequestSchema, renewRequestSchema } from '../../protocol/enrolment.ts';
import { codeOf } from '../../protocol/errors.ts';
import { deviceIdSchema } from '../../protocol/topics.ts';
import type { DeviceIdentities } from '../access/device-identities.ts';
import { FailureLimit } from '../access/failure-limit.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import { whoOf } from './access.ts';
import { parseRequest } from './error-reply.ts';

export interface DeviceIdentityRouteDeps {
  readonly identities: DeviceIdentities;
  readonly clock: Clock;
  readonly counters: Counters;
}

const params = z.object({ device: deviceIdSchema });

export function addDeviceIdentityRoutes(
  app: FastifyInstance,
  { identities, clock, counters }: DeviceIdentityRouteDeps,
): void {
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

  // A device has no token: its code, or the key of its certificate, speaks for it. A right one always passes.
  const failures = new FailureLimit(clock);
  const limited = async <T>(request: FastifyRequest, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (codeOf(error) !== 'ENROLMENT_REFUSED') throw error;
      counters.add('access.enrolment-refused');
      const waitS = failures.failed(request.ip);
      if (waitS === 0) throw error;
      throw serverError('TOO_MANY_FAILURES', 'too many wrong codes from this address', {
        hint: `Wait ${waitS} seconds. A right code is taken at any time.`,
      });
    }
  };
  app.post('/api/enrol', { config: { role: 'anyone' } }, async (request) =>
    limited(request, identities.enrol(parseRequest(enrolRequestSchema, request.body))),
  );
  app.post('/api/enrol/renewal', { config: { role: 'anyone' } }, async (request) =>
    limited(request, identities.renew(parseRequest(renewRequestSchema, request.body))),
  );
}
