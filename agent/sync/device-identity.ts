/** The device's own key, made here and never sent, and the certificate that the server gave for it. Renewed by itself before its end. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type EnrolAnswer,
  enrolAnswerSchema,
  enrolmentKey,
  enrolmentMac,
  isAuthority,
  parseEnrolmentCode,
  renewalText,
} from '../../protocol/enrolment.ts';
import type { Clock } from '../clock.ts';
import { agentError } from '../errors.ts';
import { syncNames } from '../made-folder.ts';

const RENEW_BEFORE_MS = 30 * 86_400_000;
const LOOK_EVERY_MS = 3_600_000;
const ANSWER_WITHIN_MS = 15_000;

export interface DeviceIdentityDeps {
  readonly device: string;
  /** `identity` in the dataDir. */
  readonly folder: string;
  /** The server's admin API. */
  readonly server: string;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Told of a renewal that failed; it is tried again. */
  readonly onFailure: (error: unknown) => void;
}

export class DeviceIdentity {
  readonly #deps: DeviceIdentityDeps;
  /** As of the last time that the files were read, which is at each connect. */
  #endsAtMs: number | null | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: DeviceIdentityDeps) {
    this.#deps = deps;
  }

  /** For TLS; read at each connect. @throws CodedError NOT_ENROLLED */
  tls(): { key: string; cert: string; ca: string } {
    const { identity, authority } = this.#read();
    // One file for both, so that they change together; each reader takes its own part.
    return { key: identity, cert: identity, ca: authority };
  }

  /** Wall clock, ms: when the certificate ends. @throws CodedError NOT_ENROLLED */
  get endsAtMs(): number {
    return endOf(this.#read().identity);
  }

  /** As `endsAtMs`, of the last look: cheap. Null while the device has no certificate. */
  get knownEndMs(): number | null {
    if (this.#endsAtMs === undefined) {
      try {
        this.#read();
      } catch {
        this.#endsAtMs = null;
      }
    }
    return this.#endsAtMs ?? null;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.look();
  }

  /** Renews where it is time, as it does by itself every hour. Call it when the server may be in reach: that may be for minutes only. */
  look(): void {
    this.renewInTime().catch(this.#deps.onFailure);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Makes a key, and has it certified by a one-time code.
   * @throws CodedError ENROLMENT_CODE_INVALID, ENROLMENT_FAILED (with the server's own reason)
   */
  async enrol(code: string): Promise<void> {
    const { device } = this.#deps;
    const { secret, fingerprint } = parseEnrolmentCode(code);
    const key = newKey();
    const publicKey = spkiOf(key).toString('base64');
    const mac = enrolmentMac(enrolmentKey(secret), device, publicKey);
    const answer = await this.#ask('/api/enrol', { device, publicKey, mac });
    if (!isAuthority(fingerprint, new X509Certificate(answer.authority).raw)) {
      throw failed('the server that answered is not the one that made the code');
    }
    this.#keep(key, answer);
  }

  /** Does nothing while there is time. @returns whether it was renewed @throws CodedError NOT_ENROLLED, ENROLMENT_FAILED */
  async renewInTime(): Promise<boolean> {
    const { device, clock } = this.#deps;
    if (this.endsAtMs - clock.wallMs() > RENEW_BEFORE_MS) return false;
    const { identity, authority } = this.#read();
    const key = newKey();
    const { serialNumber } = new X509Certificate(identity);
    const request = { device, publicKey: spkiOf(key).toString('base64'), serialNumber };
    const signature = sign('sha256', renewalText(request), createPrivateKey(identity)).toString('base64');
    const answer = await this.#ask('/api/enrol/renewal', { ...request, signature });
    if (!new X509Certificate(answer.authority).raw.equals(new X509Certificate(authority).raw)) {
      throw failed('the server that answered has another authority than before');
    }
    this.#keep(key, answer);
    return true;
  }

  #keep(key: KeyObject, { certificate, authority }: EnrolAnswer): void {
    const { device, folder } = this.#deps;
    const made = new X509Certificate(certificate);
    const ours = made.checkPrivateKey(key) && made.subject === `CN=${device}`;
    if (!ours || !made.verify(new X509Certificate(authority).publicKey)) {
      throw failed('the server answered with a certificate that is not for this key and device');
    }
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const pem = key.export({ type: 'pkcs8', format: 'pem' }) as string;
    writeWhole(join(folder, 'authority.pem'), authority);
    writeWhole(join(folder, 'identity.pem'), pem + certificate);
    syncNames(folder);
    this.#endsAtMs = Date.parse(made.validTo);
  }

  #read(): { identity: string; authority: string } {
    const { folder } = this.#deps;
    try {
      const identity = readFileSync(join(folder, 'identity.pem'), 'utf8');
      const authority = readFileSync(join(folder, 'authority.pem'), 'utf8');
      this.#endsAtMs = endOf(identity);
      return { identity, authority };
    } catch (cause) {
      this.#endsAtMs = null;
      throw agentError('NOT_ENROLLED', `this device has no certificate in ${folder}`, {
        hint: 'Get a code (on the server: andon devices invite), and give it here to: andon enrol.',
        cause,
      });
    }
  }

  async #ask(path: string, body: object): Promise<EnrolAnswer> {
    let answer: unknown;
    try {
      const response = await fetch(`${this.#deps.server.replace(/\/+$/, '')}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      answer = await response.json();
    } catch (cause) {
      throw failed(`no Andon server answers at ${this.#deps.server}`, cause);
    }
    const parsed = enrolAnswerSchema.safeParse(answer);
    if (parsed.success) return parsed.data;
    const said = answer !== null && typeof answer === 'object' && 'message' in answer ? answer.message : '';
    throw failed(`the server gave no certificate: ${String(said).slice(0, 200) || 'it did not say why'}`);
  }
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function endOf(certificatePem: string): number {
  return Date.parse(new X509Certificate(certificatePem).validTo);
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.part`, text, { mode: 0o600, flush: true });
  renameSync(`${file}.part`, file);
}

function failed(message: string, cause?: unknown): Error {
  return agentError('ENROLMENT_FAILED', message, {
    hint: 'Check sync.identity.server, and that the code is new and for this device.',
    cause,
  });
}
