/** Keeps other web pages in the operator's browser from reading this page (DNS rebinding) or acting in it (CSRF). */
import { agentError } from '../errors.ts';

/** Sent with every answer. */
export const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** What nearly every caller sends: it is asked for at each request, and a URL takes long to parse. */
const USUAL_HOST = /^(?:localhost|127\.0\.0\.1)(?::\d{1,5})?$/;

export function isLoopbackName(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/**
 * A page of another site whose name was rebound to 127.0.0.1 still sends its own name as `Host`.
 * @throws CodedError HOST_REFUSED when we listen on loopback and are called by another name
 */
export function checkHost(listenHost: string, hostHeader: string | undefined): void {
  if (!isLoopbackName(listenHost)) return;
  if (hostHeader !== undefined && USUAL_HOST.test(hostHeader)) return;
  const name = hostName(hostHeader);
  if (name !== undefined && isLoopbackName(name)) return;
  throw agentError('HOST_REFUSED', 'this address answers only to localhost', {
    hint: 'Open the page as http://127.0.0.1 with its port. For other machines set http.host in device.config.json.',
  });
}

/**
 * A browser sends `Origin` with every POST; what is no browser may leave it out.
 * @throws CodedError ORIGIN_REFUSED
 */
export function checkOrigin(hostHeader: string | undefined, origin: string | undefined): void {
  if (origin === undefined) return;
  if (hostHeader !== undefined && URL.canParse(origin) && new URL(origin).host === hostHeader.toLowerCase()) {
    return;
  }
  throw agentError('ORIGIN_REFUSED', 'another page may not act here', {
    hint: 'Use the status page of this device itself.',
  });
}

/** The name without port and brackets; undefined when it is not one host. */
function hostName(hostHeader: string | undefined): string | undefined {
  const url = `http://${hostHeader}`;
  if (hostHeader === undefined || !/^[\w.:[\]-]+$/.test(hostHeader) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
