/**
 * The files of `andon pki export` that change while devices come and go: the list of revoked certificates, and the access rules
 * with the devices that are out. Mosquitto reads both again at SIGHUP: who is out then gets in no more, and one that is
 * connected neither reads nor writes any more.
 */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import { syncFolder, writeWhole } from '../store/durable-file.ts';

const RETRY_MS = 60_000;

export interface BrokerFilesDeps {
  /** As `andon pki export` made it. */
  readonly folder: string;
  /** Text of deploy/mosquitto.acl. */
  readonly rules: () => string;
  /** PEM. */
  readonly revocationList: () => Promise<string>;
  /** Devices that have had certificates and have none that counts. */
  readonly revokedDevices: () => readonly string[];
  readonly counters: Counters;
  readonly log: Logger;
}

export class BrokerFiles {
  readonly #deps: BrokerFilesDeps;
  #last: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(deps: BrokerFilesDeps) {
    this.#deps = deps;
  }

  /** One after the other, so that the newest stays. What fails is counted and tried again. */
  write(): void {
    clearTimeout(this.#retry);
    this.#last = this.#last.then(() => this.#write()).catch((error: unknown) => this.#failed(error));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    await this.#last;
  }

  async #write(): Promise<void> {
    const { folder, rules, revocationList, revokedDevices } = this.#deps;
    const pki = join(folder, 'pki');
    writePublic(join(pki, 'revoked.pem'), await revocationList());
    // Last, so that whoever waits for it to change finds both new.
    writePublic(join(folder, 'mosquitto.acl'), rulesWithout(rules(), revokedDevices()));
    syncFolder(pki);
    syncFolder(folder);
  }

  #failed(error: unknown): void {
    const { folder, counters, log } = this.#deps;
    const code = codeOf(error);
    counters.add(code);
    const words = 'the broker does not know yet who was revoked';
    log.error({ event: 'broker-files-not-written', code, folder, err: error }, words);
    if (!this.#stopped) this.#retry = setTimeout(() => this.write(), RETRY_MS);
  }
}

/** The broker is another user, whatever umask this one has. */
function writePublic(file: string, text: string): void {
  writeWhole(file, text);
  chmodSync(file, 0o644);
}

/** @param devices their ids, which are MQTT user names here @returns rules by which these may do nothing */
export function rulesWithout(rules: string, devices: readonly string[]): string {
  const denials = devices.flatMap((device) => [
    '',
    `user ${device}`,
    'topic deny #',
    'topic deny andon/v1/#',
  ]);
  return denials.length === 0 ? rules : [rules.trimEnd(), '', '# Revoked.', ...denials, ''].join('\n');
}
