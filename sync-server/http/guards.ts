/** What every request and answer must hold: the right host, the right origin, headers that keep the page to itself. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { serverError } from '../errors.ts';

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** @param host as in the configuration */
export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host.includes(':') ? `[${host}]` : host);
}

/**
 * @param boundHost where the API listens; on loopback only loopback names are served, against DNS rebinding
 * @param names served beside them: those of a proxy on this machine
 */
export function addGuards(app: FastifyInstance, boundHost: string, names: readonly string[] = []): void {
  const loopbackOnly = isLoopback(boundHost);
  const served = new Set([...LOOPBACK, ...names]);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS);
    if (loopbackOnly && !served.has(hostnameOf(request.headers.host))) {
      throw serverError(
        'REQUEST_INVALID',
        `this server does not answer for "${request.headers.host ?? ''}"`,
        {
          hint: 'Use the address that the server printed.',
        },
      );
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') checkOrigin(request);
  });
}

/** A page of another site must not act here with the user's browser. Programs send no Origin. */
function checkOrigin({ headers }: FastifyRequest): void {
  const { origin, host } = headers;
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw serverError('REQUEST_INVALID', `requests from ${origin} are refused`, {
    hint: 'Use the console at the address that the server printed.',
  });
}

function hostnameOf(host: string | undefined): string {
  return host !== undefined && URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : '';
}
