/** Starts the embedded broker, or says how to log in to the external one. */
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import type { CertificateAuthority } from '../access/certificate-authority.ts';
import type { ServerConfig } from '../config/schema.ts';
import { serverError } from '../errors.ts';
import { BrokerFiles, type BrokerFilesDeps } from './broker-files.ts';
import { type BrokerTls, EmbeddedBroker } from './embedded-broker.ts';

export interface BrokerAccess {
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string } | undefined;
  /** Where devices connect, when it is not `url`. */
  readonly deviceUrl?: string | undefined;
  /** A device's certificates changed: closes what it has open, or tells a broker that is not ours. */
  cut(device: string): void;
  /** Ends the broker if it is ours. */
  stop(): Promise<void>;
}

export interface ReachDeps {
  readonly counters: Counters;
  readonly log: Logger;
  readonly authority: () => Promise<CertificateAuthority>;
  /** Whether the certificate with this serial number is the device's, and counts. */
  readonly admits: (device: string, serialNumber: string) => boolean;
  /** For a broker that is not ours. */
  readonly exported: Pick<BrokerFilesDeps, 'rules' | 'revocationList' | 'revokedDevices'>;
}

/** @throws CodedError PORT_TAKEN, CONFIG_UNREADABLE when the password file cannot be read, STORE_CORRUPT */
export async function reachBroker(config: ServerConfig['broker'], deps: ReachDeps): Promise<BrokerAccess> {
  const { counters, log } = deps;
  if (config.kind === 'external') {
    const { url, username, passwordFile } = config;
    const password = passwordFile === undefined ? undefined : readPassword(passwordFile);
    const tls = config.certificates ? await serverLinkTls(await deps.authority()) : undefined;
    const folder = config.exportFolder;
    const files = folder === null ? undefined : new BrokerFiles({ folder, ...deps.exported, counters, log });
    files?.write();
    return {
      url,
      username,
      password,
      tls,
      cut: () => files?.write(),
      stop: async () => files?.stop(),
    };
  }
  const tls = config.tls && (await brokerTls(config.tls, deps));
  const broker = new EmbeddedBroker({ host: config.host, port: config.port, tls, counters, log });
  const url = await broker.start();
  return {
    url,
    ...broker.credentials,
    deviceUrl: broker.tlsUrl,
    cut: (device) => broker.cut(device),
    stop: () => broker.stop(),
  };
}

async function brokerTls(
  { host, port, names }: { host: string; port: number; names: readonly string[] },
  { authority, admits }: ReachDeps,
): Promise<BrokerTls> {
  const opened = await authority();
  // New with every start: its key is written nowhere.
  return { host, port, ...(await opened.issueBroker(names)), ca: opened.pem, admits };
}

async function serverLinkTls(authority: CertificateAuthority) {
  return { ...(await authority.issueServerLink()), ca: authority.pem };
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
