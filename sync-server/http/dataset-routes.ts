/** `/api/datasets`: labelled field data of a slot, a page at a time, so that no request holds the server up for long. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Datasets, MAX_PAGE_LABELS } from '../dataset/datasets.ts';
import type { LabelKey } from '../store/labelled-samples.ts';
import { parseRequest } from './error-reply.ts';

export interface DatasetRouteDeps {
  readonly datasets: Pick<Datasets, 'view' | 'page'>;
}

const params = z.object({ slot: z.string().min(1).max(64) });
const timeMs = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const datasetQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,15}-\d{1,15}$/, '`next` of the page before')
    .exactOptional(),
  labels: z.coerce.number().int().min(1).max(MAX_PAGE_LABELS).default(MAX_PAGE_LABELS),
  since: timeMs.default(0),
  until: timeMs.default(Number.MAX_SAFE_INTEGER),
  model: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}@[a-z0-9][a-z0-9-]{0,62}$/, 'a model and its version or alias')
    .exactOptional(),
});

export function addDatasetRoutes(app: FastifyInstance, { datasets }: DatasetRouteDeps): void {
  app.get('/api/datasets/:slot', async (request) => {
    return datasets.view(parseRequest(params, request.params).slot);
  });

  app.get('/api/datasets/:slot/samples', async (request, reply) => {
    const { slot } = parseRequest(params, request.params);
    const { after, labels, since, until, model } = parseRequest(datasetQuery, request.query);
    const query = { slot, model: modelOf(model), sinceMs: since, untilMs: until };
    const page = datasets.page(query, after === undefined ? null : keyOf(after), labels);
    return reply.header('cache-control', 'no-store').send(page);
  });
}

function keyOf(after: string): LabelKey {
  const [epochId, seq] = after.split('-').map(Number);
  return { epochId: epochId as number, seq: seq as number };
}

function modelOf(title: string | undefined): { name: string; reference: string } | null {
  if (title === undefined) return null;
  const [name, reference] = title.split('@');
  return { name: name as string, reference: reference as string };
}
