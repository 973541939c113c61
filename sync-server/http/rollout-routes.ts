/** `/api/rollouts`: start, list, pause, resume, approve, abort. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { timeZoneSchema, weeklyWindowSchema } from '../../protocol/weekly-window.ts';
import type { RolloutView, StartRolloutRequest } from '../views/rollout.ts';
import { whoOf } from './access.ts';
import { parseRequest } from './error-reply.ts';

export interface RolloutRouteDeps {
  readonly rollouts: {
    startRollout(request: StartRolloutRequest): RolloutView;
    pause(id: string): RolloutView;
    resume(id: string): RolloutView;
    approve(id: string, by?: string): RolloutView;
    abort(id: string): RolloutView;
    views(): RolloutView[];
  };
  readonly audit: (who: string, action: string, subject: string) => void;
}

const slotName = z
  .string()
  .min(1)
  .max(64)
  // `toString` and the like would be found in every device's record of slots.
  .refine((slot) => !(slot in {}), 'a name that devices can use for a slot');
const share = z.number().gt(0).max(1);

export const startRolloutSchema = z.strictObject({
  slot: slotName,
  model: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{0,62}@[a-z0-9][a-z0-9-]{0,62}$/,
      'a model and its version or alias, for example milling-failure@2',
    ),
  labels: z.record(z.string().max(64), z.string().max(128)).exactOptional(),
  stages: z
    .array(z.strictObject({ devices: share, traffic: share, approval: z.boolean().exactOptional() }))
    .min(1)
    .max(20)
    .exactOptional(),
  margin: z.number().gt(0).max(0.5).exactOptional(),
  windows: z.array(weeklyWindowSchema).max(32).exactOptional(),
  timeZone: timeZoneSchema.exactOptional(),
});

const approval = z.strictObject({ by: z.string().min(1).max(64).exactOptional() });

const idParams = z.object({ id: z.string().min(1).max(64) });

export function addRolloutRoutes(app: FastifyInstance, { rollouts, audit }: RolloutRouteDeps): void {
  app.get('/api/rollouts', async () => ({ rollouts: rollouts.views() }));

  app.post('/api/rollouts', async (request, reply) => {
    const view = rollouts.startRollout(parseRequest(startRolloutSchema, request.body));
    audit(whoOf(request), 'rollout-started', `${view.id} ${view.slot} ${view.to}`);
    return reply.code(201).send(view);
  });

  app.post('/api/rollouts/:id/approve', async (request) => {
    const { id } = parseRequest(idParams, request.params);
    const { by } = parseRequest(approval, request.body ?? {});
    const who = whoOf(request, by);
    const view = rollouts.approve(id, who);
    audit(who, 'rollout-approve', id);
    return view;
  });

  for (const action of ['pause', 'resume', 'abort'] as const) {
    app.post(`/api/rollouts/:id/${action}`, { config: { role: 'operator' } }, async (request) => {
      const { id } = parseRequest(idParams, request.params);
      const view = rollouts[action](id);
      audit(whoOf(request), `rollout-${action}`, id);
      return view;
    });
  }
}
