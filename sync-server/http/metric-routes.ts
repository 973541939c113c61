/** `/api/metrics`: how well the models of a slot do, by their labels. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SlotMetricsView } from '../views/slot-metrics.ts';
import { parseRequest } from './error-reply.ts';

export interface MetricRouteDeps {
  readonly metrics: { of(slot: string, days: number): SlotMetricsView };
}

const params = z.object({ slot: z.string().min(1).max(64) });
export const metricQuerySchema = z.strictObject({
  days: z.coerce.number().int().min(1).max(3650).default(30),
});

export function addMetricRoutes(app: FastifyInstance, { metrics }: MetricRouteDeps): void {
  app.get('/api/metrics/:slot', async (request, reply) => {
    const { slot } = parseRequest(params, request.params);
    const { days } = parseRequest(metricQuerySchema, request.query);
    return reply.header('cache-control', 'no-store').send(metrics.of(slot, days));
  });
}
