/** Who a client of the embedded broker is. Pure. */
import { timingSafeEqual } from 'node:crypto';
import { sha256Hex } from '../../protocol/keys.ts';
import { deviceOfClientId } from '../../protocol/topics.ts';

export type Identity = { readonly server: true } | { readonly server: false; readonly device: string };

export interface Claim {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The name in a certificate of our CA; null on a listener that asks for none. */
  readonly certificateName: string | null;
  /** Whether the listener lets devices in that show no certificate. */
  readonly bareDevices: boolean;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * The server proves itself by its password; a device by its certificate, or on an open listener by its client id alone.
 * @returns undefined for whom to refuse
 */
export function identify(claim: Claim, server: Credentials): Identity | undefined {
  if (claim.username === server.username) {
    return sameText(claim.password ?? '', server.password) ? { server: true } : undefined;
  }
  const device = deviceOfClientId(claim.clientId);
  if (device === undefined) return undefined;
  // A client id of another device would throw that one off the broker.
  const proven = claim.certificateName === null ? claim.bareDevices : claim.certificateName === device;
  return proven ? { server: false, device } : undefined;
}

/** In a time that tells nothing, whatever the lengths. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256Hex(Buffer.from(a))), Buffer.from(sha256Hex(Buffer.from(b))));
}
