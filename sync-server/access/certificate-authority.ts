/**
 * The server's small certificate authority: signs the devices' keys, which never leave them, and the broker's own. ECDSA P-256.
 * The only importer of the X.509 library.
 */
import 'reflect-metadata';
import { createHash, createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import { syncFolder, writeWhole } from '../store/durable-file.ts';

const KEYS = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNS = { name: 'ECDSA', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 20 * 365;
const BROKER_DAYS = 5 * 365;
/** A device asks anew after two thirds of it. */
const DEVICE_DAYS = 90;
/** No certificate begins later, so that a device whose clock fell back still believes the broker. */
const BEGIN = new Date('2020-01-01T00:00:00Z');

export interface Issued {
  readonly pem: string;
  /** Hex, as Node shows it. */
  readonly serialNumber: string;
  readonly notAfterMs: number;
}

export class CertificateAuthority {
  /** Of the authority itself, for whoever has to trust it. */
  readonly pem: string;
  /** sha256 of its certificate, 32 bytes. */
  readonly fingerprint: Buffer;
  readonly #certificate: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;
  readonly #clock: Pick<Clock, 'wallMs'>;

  private constructor(
    certificate: x509.X509Certificate,
    key: webcrypto.CryptoKey,
    clock: Pick<Clock, 'wallMs'>,
  ) {
    this.#certificate = certificate;
    this.#key = key;
    this.#clock = clock;
    this.pem = withEnd(certificate.toString('pem'));
    this.fingerprint = createHash('sha256').update(Buffer.from(certificate.rawData)).digest();
  }

  /**
   * Made at the first start, kept in `folder`.
   * @throws CodedError STORE_CORRUPT when what stands there is no authority; Node's file system errors
   */
  static async open(folder: string, clock: Pick<Clock, 'wallMs'>): Promise<CertificateAuthority> {
    const keyFile = join(folder, 'ca-key.pem');
    const certificateFile = join(folder, 'ca.pem');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!existsSync(certificateFile)) await create(keyFile, certificateFile, clock.wallMs());
    try {
      const certificate = new x509.X509Certificate(readFileSync(certificateFile, 'utf8'));
      const der = createPrivateKey(readFileSync(keyFile)).export({ type: 'pkcs8', format: 'der' });
      const key = await webcrypto.subtle.importKey('pkcs8', der, KEYS, false, ['sign']);
      return new CertificateAuthority(certificate, key, clock);
    } catch (cause) {
      throw serverError('STORE_CORRUPT', `${folder} holds no certificate authority`, {
        hint: 'Restore ca.pem and ca-key.pem from a backup. Without one, delete both and enrol every device anew.',
        cause,
      });
    }
  }

  /** @param publicKey SPKI DER of an EC key on P-256 @throws CodedError REQUEST_INVALID */
  async issueDevice(device: string, publicKey: Buffer): Promise<Issued> {
    const key = await webcrypto.subtle
      .importKey('spki', publicKey, KEYS, true, ['verify'])
      .catch((cause: unknown) => {
        throw serverError('REQUEST_INVALID', 'this is no public key on P-256', { cause });
      });
    return this.#issue(device, key, DEVICE_DAYS, [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ]);
  }

  /** @param names host names and addresses by which devices reach the broker */
  async issueBroker(names: readonly string[]): Promise<{ key: string; cert: string }> {
    const alternatives = names.map((name) => ({ type: isIP(name) ? 'ip' : 'dns', value: name }) as const);
    return this.#issueWithKey('andon.broker', [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternatives),
    ]);
  }

  /** For the server's own link to an external broker. Its name, `andon.server`, can be no device's. */
  async issueServerLink(): Promise<{ key: string; cert: string }> {
    return this.#issueWithKey('andon.server', [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ]);
  }

  /** What other brokers need to refuse revoked devices. */
  async revocationList(revoked: readonly { serialNumber: string; timeMs: number }[]): Promise<string> {
    const list = await x509.X509CrlGenerator.create({
      issuer: this.#certificate.subject,
      // Later with each entry, so that the newer of two lists is known; and in no broker's future.
      thisUpdate: new Date(BEGIN.getTime() + revoked.length * 1000),
      nextUpdate: new Date(this.#clock.wallMs() + BROKER_DAYS * DAY_MS),
      entries: revoked.map(({ serialNumber, timeMs }) => ({
        serialNumber,
        revocationDate: new Date(timeMs),
      })),
      signingAlgorithm: SIGNS,
      signingKey: this.#key,
    });
    // The library's own text is labelled "CRL", which OpenSSL does not know (RFC 7468, 6).
    const lines =
      Buffer.from(list.rawData)
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    return ['-----BEGIN X509 CRL-----', ...lines, '-----END X509 CRL-----', ''].join('\n');
  }

  async #issueWithKey(name: string, extensions: x509.Extension[]): Promise<{ key: string; cert: string }> {
    const pair = await webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']);
    const { pem } = await this.#issue(name, pair.publicKey, BROKER_DAYS, extensions);
    return { key: await privatePem(pair.privateKey), cert: pem };
  }

  async #issue(
    name: string,
    publicKey: webcrypto.CryptoKey,
    days: number,
    extensions: x509.Extension[],
  ): Promise<Issued> {
    const notAfter = new Date(this.#clock.wallMs() + days * DAY_MS);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: newSerialNumber(),
      subject: `CN=${name}`,
      issuer: this.#certificate.subject,
      notBefore: BEGIN,
      notAfter,
      publicKey,
      signingKey: this.#key,
      signingAlgorithm: SIGNS,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...extensions,
      ],
    });
    return {
      pem: withEnd(certificate.toString('pem')),
      serialNumber: certificate.serialNumber.toUpperCase(),
      notAfterMs: notAfter.getTime(),
    };
  }
}

async function create(keyFile: string, certificateFile: string, nowMs: number): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: 'CN=Andon devices',
    notBefore: BEGIN,
    notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
    keys,
    signingAlgorithm: SIGNS,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  // The key first: a certificate without one would look whole.
  writeWhole(keyFile, await privatePem(keys.privateKey), 0o600);
  writeWhole(certificateFile, withEnd(certificate.toString('pem')));
  syncFolder(join(keyFile, '..'));
}

/** 127 random bits, positive and without a leading zero byte, so that every tool writes it the same (RFC 5280, 4.1.2.2). */
function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

function withEnd(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}
