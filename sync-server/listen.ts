/** Opens a listening socket, with a clear sentence when the port is taken. */
import type { Server } from 'node:net';
import { codeOf } from '../protocol/errors.ts';
import { serverError } from './errors.ts';

/**
 * @param options.what for people, for example `the admin API`
 * @param options.key where the port stands in the configuration
 * @returns `host:port` as it can stand in an address
 * @throws CodedError PORT_TAKEN
 */
export async function listen(
  server: Server,
  { host, port, what, key }: { host: string; port: number; what: string; key: string },
): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((cause: unknown) => {
    if (codeOf(cause) !== 'EADDRINUSE' && codeOf(cause) !== 'EACCES') throw cause;
    throw portTaken({ host, port, what, key }, cause);
  });
  const address = server.address();
  const bound = address !== null && typeof address === 'object' ? address.port : port;
  return hostPort(host, bound);
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function portTaken(of: { host: string; port: number; what: string; key: string }, cause: unknown): Error {
  return serverError('PORT_TAKEN', `${of.what} cannot listen on ${hostPort(of.host, of.port)}`, {
    hint: `Stop what listens there, or set "${of.key}" to another port (0 takes a free one).`,
    cause,
  });
}
