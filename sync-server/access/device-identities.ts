/** Who is a device: invited by a one-time code, known by a certificate, renewed by its own key, and out at once when revoked. */
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import {
  type EnrolAnswer,
  type EnrolRequest,
  enrolmentKey,
  enrolmentMac,
  formatEnrolmentCode,
  type RenewRequest,
  renewalText,
  sameMac,
} from '../../protocol/enrolment.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { CertificateAuthority } from './certificate-authority.ts';

const CODE_LASTS_MS = 24 * 3_600_000;

export interface DeviceIdentitiesDeps {
  readonly store: Pick<ServerStore, 'certificates' | 'audit' | 'transaction'>;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Opened when it is first needed. */
  readonly authority: () => Promise<CertificateAuthority>;
  /** Its certificates changed: closes what the device has open at our own broker, tells one that is not ours. */
  readonly cut: (device: string) => void;
}

export class DeviceIdentities {
  readonly #deps: DeviceIdentitiesDeps;

  constructor(deps: DeviceIdentitiesDeps) {
    this.#deps = deps;
  }

  /** A code for one device, once, for a day, in place of an earlier one. */
  async invite(device: string, who: string): Promise<{ code: string; expiresAtMs: number }> {
    const { store, clock } = this.#deps;
    const { fingerprint } = await this.#deps.authority();
    const secret = randomBytes(16);
    const nowMs = clock.wallMs();
    const expiresAtMs = nowMs + CODE_LASTS_MS;
    store.transaction(() => {
      store.certificates.putCode(device, enrolmentKey(secret), expiresAtMs);
      store.audit.append({ timeMs: nowMs, who, action: 'device-invited', subject: device });
    });
    return { code: formatEnrolmentCode(secret, fingerprint), expiresAtMs };
  }

  /** A new identity of the device ends its earlier ones. @throws CodedError ENROLMENT_REFUSED, REQUEST_INVALID */
  async enrol({ device, publicKey, mac }: EnrolRequest): Promise<EnrolAnswer> {
    const { store, clock } = this.#deps;
    const code = store.certificates.code(device);
    const right = code && sameMac(mac, enrolmentMac(code.key, device, publicKey));
    if (!right || clock.wallMs() >= code.expiresAtMs) throw enrolmentRefused();
    const spki = Buffer.from(publicKey, 'base64');
    const authority = await this.#deps.authority();
    const issued = await authority.issueDevice(device, spki);
    const timeMs = clock.wallMs();
    store.transaction(() => {
      // Two requests with one code at once: the second finds it used.
      if (!store.certificates.dropCode(device)) throw enrolmentRefused();
      store.certificates.revoke(device, timeMs);
      store.certificates.add({ ...issued, device, publicKey: spki });
      const subject = `${device} ${issued.serialNumber}`;
      store.audit.append({ timeMs, who: device, action: 'device-enrolled', subject });
    });
    this.#deps.cut(device);
    return { certificate: issued.pem, authority: authority.pem };
  }

  /** The earlier certificate goes on to count until its end: the answer may get lost. @throws CodedError ENROLMENT_REFUSED, REQUEST_INVALID */
  async renew(request: RenewRequest): Promise<EnrolAnswer> {
    const { store, clock } = this.#deps;
    const { device, publicKey, serialNumber, signature } = request;
    if (!this.admits(device, serialNumber) || !this.#signed(request, Buffer.from(signature, 'base64'))) {
      throw enrolmentRefused();
    }
    const spki = Buffer.from(publicKey, 'base64');
    const authority = await this.#deps.authority();
    const issued = await authority.issueDevice(device, spki);
    store.transaction(() => {
      // Revoked while the new one was made.
      if (!this.admits(device, serialNumber)) throw enrolmentRefused();
      store.certificates.add({ ...issued, device, publicKey: spki });
      const subject = `${device} ${issued.serialNumber}`;
      store.audit.append({ timeMs: clock.wallMs(), who: device, action: 'certificate-renewed', subject });
    });
    return { certificate: issued.pem, authority: authority.pem };
  }

  /** @returns how many certificates counted until now */
  revoke(device: string, who: string): number {
    const { store, clock } = this.#deps;
    const timeMs = clock.wallMs();
    const count = store.transaction(() => {
      store.certificates.dropCode(device);
      store.audit.append({ timeMs, who, action: 'device-revoked', subject: device });
      return store.certificates.revoke(device, timeMs);
    });
    this.#deps.cut(device);
    return count;
  }

  /** Whether this certificate was given to this device here, is not over and was not revoked. */
  admits(device: string, serialNumber: string): boolean {
    const { store, clock } = this.#deps;
    const known = store.certificates.bySerialNumber(serialNumber.toUpperCase());
    return known?.device === device && known.revokedAtMs === null && clock.wallMs() < known.notAfterMs;
  }

  /** For brokers that are not ours. PEM. */
  async revocationList(): Promise<string> {
    const revoked = this.#deps.store.certificates
      .revoked()
      .map(({ serialNumber, revokedAtMs }) => ({ serialNumber, timeMs: revokedAtMs ?? 0 }));
    return (await this.#deps.authority()).revocationList(revoked);
  }

  /** Devices that have had certificates, none of which counts now. */
  revokedDevices(): string[] {
    return this.#deps.store.certificates.devicesOut(this.#deps.clock.wallMs());
  }

  #signed(request: RenewRequest, signature: Buffer): boolean {
    const known = this.#deps.store.certificates.bySerialNumber(request.serialNumber);
    if (!known) return false;
    const key = createPublicKey({ key: known.publicKey, format: 'der', type: 'spki' });
    return verify('sha256', renewalText(request), key, signature);
  }
}

/** One answer for every reason: it tells nobody which devices were invited. */
function enrolmentRefused(): Error {
  return serverError('ENROLMENT_REFUSED', 'this device was not invited, or its code or certificate is over', {
    hint: 'Make a new code on the server: andon devices invite.',
  });
}
