/** How a device that has a one-time code gets its certificate, over a line that anyone may read. Shared by both sides. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { deviceIdSchema } from './topics.ts';

const SECRET_BYTES = 16;
const FINGERPRINT_BYTES = 16;

/** SPKI DER of an EC key on P-256 (91 bytes), base64. */
const publicKey = z.base64().min(16).max(256);
const serialNumber = z.string().regex(/^[0-9A-F]{2,40}$/);

export const enrolRequestSchema = z.strictObject({
  device: deviceIdSchema,
  publicKey,
  /** `enrolmentMac`, base64. */
  mac: z.base64().length(44),
});
export type EnrolRequest = z.infer<typeof enrolRequestSchema>;

export const renewRequestSchema = z.strictObject({
  device: deviceIdSchema,
  /** The new one; may be the old one. */
  publicKey,
  /** Of the certificate in use. */
  serialNumber,
  /** Over `renewalText`, by the key in use: ECDSA with SHA-256, DER, base64. */
  signature: z.base64().min(8).max(256),
});
export type RenewRequest = z.infer<typeof renewRequestSchema>;

const pem = z.string().max(8192).startsWith('-----BEGIN CERTIFICATE-----');
export const enrolAnswerSchema = z.object({ certificate: pem, authority: pem });
export type EnrolAnswer = z.infer<typeof enrolAnswerSchema>;

export interface EnrolmentCode {
  /** 16 random bytes, known to the keeper of the server and the device alone. */
  readonly secret: Buffer;
  /** The first 16 bytes of the sha256 of the authority's certificate: whose answer to believe. */
  readonly fingerprint: Buffer;
}

/** @param fingerprint sha256 of the authority's certificate @returns 43 characters to carry to the device */
export function formatEnrolmentCode(secret: Buffer, fingerprint: Buffer): string {
  return Buffer.concat([secret, fingerprint.subarray(0, FINGERPRINT_BYTES)]).toString('base64url');
}

/** @throws CodedError ENROLMENT_CODE_INVALID */
export function parseEnrolmentCode(text: string): EnrolmentCode {
  const bytes = Buffer.from(text.trim(), 'base64url');
  if (!/^[\w-]{43}$/.test(text.trim()) || bytes.length !== SECRET_BYTES + FINGERPRINT_BYTES) {
    throw protocolError('ENROLMENT_CODE_INVALID', 'this is no enrolment code', {
      hint: 'It has 43 characters. Copy all of what andon devices invite printed.',
    });
  }
  return { secret: bytes.subarray(0, SECRET_BYTES), fingerprint: bytes.subarray(SECRET_BYTES) };
}

/** What the server keeps of a code's secret. */
export function enrolmentKey(secret: Buffer): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Proves the code without telling it, and binds it to one key, so that nobody on the way can put in another. */
export function enrolmentMac(key: Buffer, device: string, publicKeyBase64: string): string {
  return createHmac('sha256', key).update(`andon enrol 1\n${device}\n${publicKeyBase64}`).digest('base64');
}

export function sameMac(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

export function renewalText({ device, publicKey, serialNumber }: Omit<RenewRequest, 'signature'>): Buffer {
  return Buffer.from(`andon renew 1\n${device}\n${serialNumber}\n${publicKey}`);
}

/** @param certificateDer of the authority that answered */
export function isAuthority(fingerprint: Buffer, certificateDer: Buffer): boolean {
  const found = createHash('sha256').update(certificateDer).digest().subarray(0, FINGERPRINT_BYTES);
  return timingSafeEqual(found, fingerprint);
}
