/** What an output trusts and shows in TLS, from its files: read at each connect, so that a renewed certificate needs no restart. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { MqttOutputConfig } from '../config/alarms.ts';
import { agentError } from '../errors.ts';
import { readSecret } from './alarm-output.ts';

/** PEM each. */
export interface TlsFiles {
  ca?: string;
  cert?: string;
  key?: string;
}

/** @throws CodedError CONFIG_UNREADABLE; CONFIG_INVALID for what is no PEM, or a key of another certificate */
export function readTlsFiles(config: Pick<MqttOutputConfig, 'caFile' | 'certFile' | 'keyFile'>): TlsFiles {
  const { caFile, certFile, keyFile } = config;
  const files: TlsFiles = {};
  if (caFile !== undefined) {
    const ca = readSecret(caFile, 'caFile');
    // A secure context takes any text for an authority, and then trusts nobody.
    checked(() => new X509Certificate(ca), `caFile ${caFile} holds no certificate in PEM`);
    files.ca = ca;
  }
  if (certFile !== undefined && keyFile !== undefined) {
    files.cert = readSecret(certFile, 'certFile');
    files.key = readSecret(keyFile, 'keyFile');
    const problem = `certFile ${certFile} and keyFile ${keyFile} hold no certificate in PEM and its key`;
    checked(() => createSecureContext(files), problem);
  }
  return files;
}

function checked(read: () => unknown, problem: string): void {
  try {
    read();
  } catch (cause) {
    throw agentError('CONFIG_INVALID', problem, { cause });
  }
}
