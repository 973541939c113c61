/** `/api/dead-letters`: messages that were refused, kept with the reason until a person drops them. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { parseUpTopic } from '../../protocol/topics.ts';
import { serverError } from '../errors.ts';
import type { AuditTable } from '../store/audit-table.ts';
import type { DeadLetterInShort, DeadLetterTable } from '../store/dead-letter-table.ts';
import type { DeadLetterView } from '../views/dead-letter.ts';
import { whoOf } from './access.ts';
import { parseRequest } from './error-reply.ts';

export interface DeadLetterRouteDeps {
  readonly store: { readonly deadLetters: DeadLetterTable; readonly audit: Pick<AuditTable, 'append'> };
  readonly clock: { wallMs(): number };
}

export const deadLetterQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(50) });
const params = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) });

export function addDeadLetterRoutes(app: FastifyInstance, { store, clock }: DeadLetterRouteDeps): void {
  const { deadLetters, audit } = store;
  const told = (who: string, subject: string) =>
    audit.append({ timeMs: clock.wallMs(), who, action: 'dead-letter-dropped', subject });

  app.get('/api/dead-letters', async (request, reply) => {
    const { limit } = parseRequest(deadLetterQuery, request.query);
    const letters = deadLetters.newest(limit).map(deadLetterView);
    return reply.header('cache-control', 'no-store').send({ kept: deadLetters.count, deadLetters: letters });
  });

  app.get('/api/dead-letters/:id', async (request) => {
    const { id } = parseRequest(params, request.params);
    const letter = deadLetters.byId(id);
    if (!letter) throw unknown(id);
    return { ...deadLetterView(letter), headBase64: letter.head.toString('base64') };
  });

  app.delete('/api/dead-letters/:id', { config: { role: 'operator' } }, async (request) => {
    const { id } = parseRequest(params, request.params);
    if (!deadLetters.drop(id)) throw unknown(id);
    told(whoOf(request), String(id));
    return { dropped: 1 };
  });

  app.delete('/api/dead-letters', { config: { role: 'operator' } }, async (request) => {
    const dropped = deadLetters.dropAll();
    if (dropped > 0) told(whoOf(request), 'all');
    return { dropped };
  });
}

export function deadLetterView({
  id,
  timeMs,
  lastMs,
  times,
  topic,
  code,
  reason,
  sizeBytes,
}: DeadLetterInShort): DeadLetterView {
  const device = parseUpTopic(topic)?.device ?? null;
  return { id, device, topic, code, reason, sizeBytes, times, firstMs: timeMs, lastMs };
}

function unknown(id: number): Error {
  return serverError('DEAD_LETTER_UNKNOWN', `there is no dead letter ${id}`, {
    hint: 'It may have made room for newer ones: andon dead-letters lists what there is.',
  });
}
