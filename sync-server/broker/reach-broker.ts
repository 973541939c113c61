/** Starts the embedded broker, or says how to log in to the external one. */
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { ServerConfig } from '../config/schema.ts';
import type { Counters } from '../counters.ts';
import { serverError } from '../errors.ts';
import { EmbeddedBroker } from './embedded-broker.ts';

export interface BrokerAccess {
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Ends the broker if it is ours. */
  stop(): Promise<void>;
}

/** @throws CodedError PORT_TAKEN, CONFIG_UNREADABLE when the password file cannot be read */
export async function reachBroker(
  config: ServerConfig['broker'],
  deps: { readonly counters: Counters; readonly log: Logger },
): Promise<BrokerAccess> {
  if (config.kind === 'external') {
    const { url, username, passwordFile } = config;
    const password = passwordFile === undefined ? undefined : readPassword(passwordFile);
    return { url, username, password, stop: async () => {} };
  }
  const broker = new EmbeddedBroker({ host: config.host, port: config.port, ...deps });
  const url = await broker.start();
  return { url, ...broker.credentials, stop: () => broker.stop() };
}

/** The address as it may be shown: without a name and password that someone wrote into it. */
export function withoutLogin(url: string): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw serverError('CONFIG_UNREADABLE', `cannot read broker.passwordFile ${file}`, {
      hint: 'Name an existing file that this user may read.',
      cause,
    });
  }
}
