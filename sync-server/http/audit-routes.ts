/** `/api/audit`: who changed what, newest first, with the hash of each row for a copy elsewhere. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AuditTable } from '../store/audit-table.ts';
import { parseRequest } from './error-reply.ts';

export const auditQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

export function addAuditRoutes(app: FastifyInstance, { audit }: { audit: Pick<AuditTable, 'newest'> }): void {
  app.get('/api/audit', async (request, reply) => {
    const { limit } = parseRequest(auditQuery, request.query);
    return reply.header('cache-control', 'no-store').send({ entries: audit.newest(limit) });
  });
}
