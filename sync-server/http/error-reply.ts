/** Every error leaves as `{ code, message, hint }` with a fitting status. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { Counters } from '../../daemon/counters.ts';
import { CodedError } from '../../protocol/errors.ts';
import { firstIssues } from '../../protocol/messages.ts';
import { serverError } from '../errors.ts';

/** @throws CodedError REQUEST_INVALID that names the fields */
export function parseRequest<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw serverError('REQUEST_INVALID', firstIssues(parsed.error));
  return parsed.data;
}

const STATUS: Readonly<Record<string, number>> = {
  REQUEST_INVALID: 400,
  LOGIN_NEEDED: 401,
  TOKEN_WRONG: 401,
  ROLE_TOO_LOW: 403,
  ENROLMENT_REFUSED: 403,
  TOO_MANY_FAILURES: 429,
  CHUNK_UNKNOWN: 404,
  DEAD_LETTER_UNKNOWN: 404,
  MODEL_UNKNOWN: 404,
  ALIAS_UNKNOWN: 404,
  SLOT_UNKNOWN: 404,
  ROLLOUT_UNKNOWN: 404,
  MODEL_VERSION_TAKEN: 409,
  ROLLOUT_CONFLICT: 409,
  ROLLOUT_NO_DEVICES: 409,
  TRUST_ROLLBACK: 409,
  PACKAGE_TOO_LARGE: 413,
  TRUST_TOO_LARGE: 413,
  STORE_CORRUPT: 500,
  STORE_UNWRITABLE: 507,
};

/** Each refusal is counted as `http.<code>`: the fleet page counts messages of devices apart. */
export function errorReply(log: Logger, counters: Counters) {
  return (error: FastifyError | CodedError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const coded = codedOf(error);
    if (coded) {
      const { code, message, hint } = coded;
      counters.add(`http.${code}`);
      return reply.code(STATUS[code] ?? 422).send({ code, message, hint: hint ?? null });
    }
    counters.add('http.UNEXPECTED');
    log.error(
      { event: 'request-failed', method: request.method, url: request.url, err: error },
      'request failed',
    );
    return reply.code(500).send({ code: 'UNEXPECTED', message: 'The server failed.', hint: 'See its log.' });
  };
}

/** What the sender can mend: our own errors, and those by which the framework refuses a body. */
function codedOf(error: FastifyError | CodedError): CodedError | undefined {
  if (error instanceof CodedError) return error;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new CodedError('PACKAGE_TOO_LARGE', 'the request is larger than a package may be');
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return serverError('REQUEST_INVALID', error.message);
  }
  return undefined;
}
