/** Signatures: only what a trusted key signed, byte for byte, is believed. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  generateSigningKey,
  openEnvelope,
  publicKeyFromHex,
  sealEnvelope,
  sha256Hex,
  signBytes,
  signingKeyFromPem,
  signingKeyToPem,
  verifyBytes,
} from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { Envelope } from '../../protocol/messages.ts';

const key = generateSigningKey();
const other = generateSigningKey();
const schema = z.object({ v: z.literal(1), text: z.string() });
const payload = { v: 1 as const, text: 'grüß Gott' };

function open(bytes: Uint8Array, trusted = [key]) {
  return openEnvelope(trusted, schema, bytes, 'note');
}

function changed(change: (envelope: Envelope) => Partial<Envelope>): Buffer {
  const envelope = JSON.parse(sealEnvelope(key, payload).toString()) as Envelope;
  return Buffer.from(JSON.stringify({ ...envelope, ...change(envelope) }));
}

describe('a key', () => {
  it('is the same after it was written to a file and read', () => {
    const read = signingKeyFromPem(signingKeyToPem(key));
    expect(read.publicHex).toBe(key.publicHex);
    expect(read.keyId).toBe(key.keyId);
  });

  it('is named by the hash of its raw public half, on both sides', () => {
    expect(publicKeyFromHex(key.publicHex).keyId).toBe(key.keyId);
    expect(key.keyId).toBe(sha256Hex(Buffer.from(key.publicHex, 'hex')));
  });

  it('verifies what it signed and nothing else', () => {
    const bytes = Buffer.from('manifest');
    const signature = signBytes(key, bytes);
    const reader = publicKeyFromHex(key.publicHex);
    expect(verifyBytes(reader, bytes, signature)).toBe(true);
    expect(verifyBytes(reader, Buffer.from('Manifest'), signature)).toBe(false);
    expect(verifyBytes(other, bytes, signature)).toBe(false);
    expect(verifyBytes(reader, bytes, signature.slice(2))).toBe(false);
    expect(verifyBytes(reader, bytes, '00'.repeat(64))).toBe(false);
  });

  it('is no other kind of key in the same file format', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const pem = rsa.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => signingKeyFromPem(pem)).toThrowError(
      expect.objectContaining({ code: 'SIGNATURE_UNTRUSTED' }),
    );
  });
});

describe('an envelope', () => {
  it('gives back what was sealed', () => {
    expect(open(sealEnvelope(key, payload), [other, key])).toEqual(payload);
  });

  it.each<[string, Buffer, string]>([
    ['by a key that is not trusted', sealEnvelope(other, payload), 'SIGNATURE_UNTRUSTED'],
    ['that names a trusted key but was signed by another', changed(() => signedBy()), 'SIGNATURE_INVALID'],
    ['with another payload', changed(() => ({ payload: '{"v":1,"text":"x"}' })), 'SIGNATURE_INVALID'],
    [
      'whose payload only looks the same',
      changed(({ payload: p }) => ({ payload: ` ${p}` })),
      'SIGNATURE_INVALID',
    ],
    ['without a signature', changed(() => ({ signature: '' })), 'PAYLOAD_MALFORMED'],
    ['with a signature of zeros', changed(() => ({ signature: '0'.repeat(128) })), 'SIGNATURE_INVALID'],
    ['of a newer version', Buffer.from('{"v":2}'), 'PAYLOAD_VERSION_UNKNOWN'],
    ['that was cut off', sealEnvelope(key, payload).subarray(0, 100), 'PAYLOAD_MALFORMED'],
    ['larger than a message', Buffer.alloc(LIMITS.messageBytes + 1, 0x20), 'PAYLOAD_TOO_LARGE'],
    [
      'whose signed payload has a newer version',
      sealEnvelope(key, { ...payload, v: 2 }),
      'PAYLOAD_VERSION_UNKNOWN',
    ],
    ['whose signed payload is something else', sealEnvelope(key, { v: 1, text: 5 }), 'PAYLOAD_MALFORMED'],
  ])('%s is refused', (_, bytes, code) => {
    expect(() => open(bytes)).toThrowError(expect.objectContaining({ code }));
  });

  it('passes over fields of a later version', () => {
    expect(open(sealEnvelope(key, { ...payload, later: true }))).toEqual(payload);
  });
});

function signedBy(): Partial<Envelope> {
  const text = JSON.stringify(payload);
  return { payload: text, signature: signBytes(other, Buffer.from(text)) };
}
