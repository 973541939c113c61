/** The online key, which signs desired states, snapshot and timestamp: made at the first start, kept in dataDir/keys, its public half beside it for the root. */
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../../protocol/errors.ts';
import {
  generateSigningKey,
  type SigningKey,
  signingKeyFromPem,
  signingKeyToPem,
} from '../../protocol/keys.ts';
import { serverError } from '../errors.ts';
import { syncFolder, writeWhole } from '../store/durable-file.ts';

export interface ServerKey {
  readonly key: SigningKey;
  /** Its public half, for `andon keys init --server-key`. */
  readonly publicKeyFile: string;
}

/** @throws CodedError STORE_UNWRITABLE, STORE_CORRUPT when the key file is no Ed25519 key */
export function loadServerKey(dataDir: string): ServerKey {
  const folder = join(dataDir, 'keys');
  const pemFile = join(folder, 'server.pem');
  const publicKeyFile = join(folder, 'server-public.json');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const key = existsSync(pemFile) ? readKey(pemFile) : createKey(pemFile);
    writeWhole(publicKeyFile, `${JSON.stringify({ publicKey: key.publicHex }, null, 2)}\n`);
    // Devices trust this key and no other: a power cut must not take it away.
    for (const changed of [folder, dataDir]) syncFolder(changed);
    return { key, publicKeyFile };
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw serverError('STORE_UNWRITABLE', `cannot keep the server's key in ${folder}`, {
      hint: 'Check that this user may write there.',
      cause,
    });
  }
}

function readKey(pemFile: string): SigningKey {
  const pem = readFileSync(pemFile, 'utf8');
  chmodSync(pemFile, 0o600);
  try {
    return signingKeyFromPem(pem);
  } catch (cause) {
    throw serverError('STORE_CORRUPT', `${pemFile} is not a private key`, {
      hint: 'Restore it from a backup. Without one, delete it, start again, and put the new key into the root: andon keys rotate server.',
      cause,
    });
  }
}

function createKey(pemFile: string): SigningKey {
  const key = generateSigningKey();
  writeWhole(pemFile, signingKeyToPem(key), 0o600);
  return key;
}
