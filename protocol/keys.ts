/** Ed25519 keys and signatures, by node:crypto. A key id is the sha256 of the raw 32-byte public key. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  sign as cryptoSign,
  verify as cryptoVerify,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { type Envelope, envelopeSchema, parseMessage, type TrustRef } from './messages.ts';

/** The file that tells others a public key: what a server writes for `andon keys`. */
export const publicKeyFileSchema = z.strictObject({ publicKey: z.string().regex(/^[0-9a-f]{64}$/) });

export interface PublicKey {
  readonly keyId: string;
  readonly key: KeyObject;
}

export interface SigningKey extends PublicKey {
  readonly privateKey: KeyObject;
  /** Raw public key, hex: what a root lists. */
  readonly publicHex: string;
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function publicKeyFromHex(publicHex: string): PublicKey {
  const raw = Buffer.from(publicHex, 'hex');
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  });
  return { keyId: sha256Hex(raw), key };
}

export function generateSigningKey(): SigningKey {
  return signingKeyFrom(generateKeyPairSync('ed25519').privateKey);
}

/** @throws CodedError SIGNATURE_UNTRUSTED when it holds another kind of key; node:crypto's errors when it holds none */
export function signingKeyFromPem(pem: string): SigningKey {
  return signingKeyFrom(createPrivateKey(pem));
}

export function signingKeyToPem(key: SigningKey): string {
  return key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function signBytes(key: SigningKey, bytes: Uint8Array): string {
  return cryptoSign(null, bytes, key.privateKey).toString('hex');
}

export function verifyBytes(key: PublicKey, bytes: Uint8Array, signatureHex: string): boolean {
  return cryptoVerify(null, bytes, key.key, Buffer.from(signatureHex, 'hex'));
}

/**
 * Wraps a JSON payload for a topic that must be believed only if the server signed it.
 * @param trust where the metadata are by which a reader may have to learn of this key; they prove themselves
 */
export function sealEnvelope(key: SigningKey, payload: unknown, trust?: TrustRef): Buffer {
  const text = JSON.stringify(payload);
  const envelope: Envelope = {
    v: 1,
    payload: text,
    keyId: key.keyId,
    signature: signBytes(key, Buffer.from(text)),
    ...(trust && { trust }),
  };
  return Buffer.from(JSON.stringify(envelope));
}

/**
 * Opens an envelope and reads its payload.
 * @throws CodedError SIGNATURE_UNTRUSTED, SIGNATURE_INVALID and those of `parseMessage`
 */
export function openEnvelope<T>(
  trusted: readonly PublicKey[],
  schema: z.ZodType<T>,
  bytes: Uint8Array,
  what: string,
): T {
  const envelope = parseMessage(envelopeSchema, bytes, what);
  const key = trusted.find((candidate) => candidate.keyId === envelope.keyId);
  if (!key) {
    throw protocolError(
      'SIGNATURE_UNTRUSTED',
      `${what} is signed by unknown key ${envelope.keyId.slice(0, 12)}`,
      {
        hint: 'If the server is yours, give its key the online role in the root: andon keys rotate.',
      },
    );
  }
  const payload = Buffer.from(envelope.payload);
  if (!verifyBytes(key, payload, envelope.signature)) {
    throw protocolError('SIGNATURE_INVALID', `${what} does not match its signature`);
  }
  return parseMessage(schema, payload, what);
}

function signingKeyFrom(privateKey: KeyObject): SigningKey {
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw protocolError('SIGNATURE_UNTRUSTED', `not an Ed25519 key but ${privateKey.asymmetricKeyType}`, {
      hint: 'Make one with: andon keys init <folder>.',
    });
  }
  const key = createPublicKey(privateKey);
  const publicHex = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('hex');
  return { privateKey, key, publicHex, keyId: sha256Hex(Buffer.from(publicHex, 'hex')) };
}
