/** Who calls: a token in `Authorization: Bearer …`, or a session of the console in a cookie; and whether the route is open to them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { FailureLimit } from '../access/failure-limit.ts';
import { Sessions } from '../access/sessions.ts';
import type { Caller, Tokens } from '../access/tokens.ts';
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { serverError } from '../errors.ts';
import { allows, type Role } from '../role.ts';
import { parseRequest } from './error-reply.ts';
import { isLoopback } from './guards.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Without it, reading takes a viewer and everything else `release`, so that a route that forgets to say is closed. */
    role?: Role | 'anyone';
  }
  interface FastifyRequest {
    /** null only on routes for anyone. */
    caller: Caller | null;
  }
}

export interface AccessDeps {
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Where the API listens. */
  readonly host: string;
  /** Of a proxy before it: behind one, everybody comes from this machine. */
  readonly names?: readonly string[];
}

const COOKIE = 'andon-session';
/** Who started the server on this machine alone and made no tokens may do everything. */
const LOCAL: Caller = { name: 'local', role: 'release' };

export const signInBody = z.strictObject({ token: z.string().max(256) });

/** @returns asks whether a caller of a long answer may still have it */
export function addAccess(
  app: FastifyInstance,
  { tokens, clock, counters, host, names = [] }: AccessDeps,
): (request: FastifyRequest) => boolean {
  const sessions = new Sessions(tokens, clock);
  const failures = new FailureLimit(clock);

  const callerOf = (request: FastifyRequest): Caller | undefined => {
    if (isLoopback(host) && names.length === 0 && !tokens.exist) return LOCAL;
    const bearer = bearerOf(request);
    if (bearer !== undefined) return tokens.find(bearer);
    const session = sessionOf(request);
    return session === undefined ? undefined : sessions.find(session);
  };

  const wrongToken = (request: FastifyRequest): Error => {
    counters.add('access.wrong-token');
    const waitS = failures.failed(request.ip);
    return waitS > 0
      ? serverError('TOO_MANY_FAILURES', 'too many wrong tokens from this address', {
          hint: `Wait ${waitS} seconds. A right token is taken at any time.`,
        })
      : serverError('TOKEN_WRONG', 'this token is none of this server, or its time is over', {
          hint: 'Ask the server’s keeper for one: andon tokens add.',
        });
  };

  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    const needed = neededRole(request);
    request.caller = callerOf(request) ?? null;
    if (needed === 'anyone') return;
    if (!request.caller) {
      if (bearerOf(request) !== undefined) throw wrongToken(request);
      throw serverError('LOGIN_NEEDED', 'this server wants a token', {
        hint: 'Sign in on the console, or set ANDON_TOKEN. Make one beside the server: andon tokens add.',
      });
    }
    if (!allows(request.caller.role, needed)) {
      counters.add('access.role-too-low');
      throw serverError('ROLE_TOO_LOW', `this needs the role ${needed}`, {
        hint: `The token of ${request.caller.name} has the role ${request.caller.role}.`,
      });
    }
  });

  app.get('/api/session', async ({ caller }) => caller);

  app.post('/api/session', { config: { role: 'anyone' } }, async (request, reply) => {
    const { token } = parseRequest(signInBody, request.body);
    const caller = tokens.find(token);
    if (!caller) throw wrongToken(request);
    return setCookie(request, reply, sessions.open(token)).send(caller);
  });

  app.delete('/api/session', { config: { role: 'anyone' } }, async (request, reply) => {
    const session = sessionOf(request);
    if (session !== undefined) sessions.close(session);
    return setCookie(request, reply, undefined).code(204).send();
  });

  return (request) => callerOf(request) !== undefined;
}

/** For the audit log. @param said a name that the caller gives: counts only where nobody has a token to be known by */
export function whoOf({ caller }: FastifyRequest, said?: string): string {
  return caller && caller !== LOCAL ? caller.name : (said ?? LOCAL.name);
}

function neededRole(request: FastifyRequest): Role | 'anyone' {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  return request.routeOptions.config?.role ?? (reads ? 'viewer' : 'release');
}

function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

function sessionOf({ headers }: FastifyRequest): string | undefined {
  return /(?:^|;) *andon-session=([\w-]{43})(?:;|$)/.exec(headers.cookie ?? '')?.[1];
}

/** Never sent from another site, never seen by a script; behind a proxy with TLS never over plain HTTP. */
function setCookie(request: FastifyRequest, reply: FastifyReply, session: string | undefined): FastifyReply {
  const parts = [`${COOKIE}=${session ?? ''}`, 'Path=/', 'HttpOnly', 'SameSite=Strict'];
  if (request.headers['x-forwarded-proto'] === 'https') parts.push('Secure');
  if (session === undefined) parts.push('Max-Age=0');
  return reply.header('set-cookie', parts.join('; ')).header('cache-control', 'no-store');
}
