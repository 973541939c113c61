/** A registry with a server's key: it hands out whatever packages a test gives it, and hears what the device says of them. */
import type { SigningKey } from '../../../protocol/keys.ts';
import type { InstallState, ModelRef, ReportedSlot } from '../../../protocol/messages.ts';
import { chunkPackage } from '../../../protocol/package-index.ts';
import type { FakeServer } from '../../agent/sync/fake-server.ts';
import { hashOf, manifestOf } from '../../support/packages.ts';
import { waitFor } from '../../support/processes.ts';
import { SLOT } from './device-process.ts';
import { writeJson } from './scene.ts';

type Install = NonNullable<ReportedSlot['install']>;

export class Registry {
  readonly #server: FakeServer;
  readonly #device: string;
  #generation = 0;

  constructor(server: FakeServer, device: string) {
    this.#server = server;
    this.#device = device;
  }

  /**
   * Publishes the chunks and asks the device to make this package its champion.
   * @param only publishes just these chunks
   * @returns what names the package
   */
  async want(files: ReadonlyMap<string, Buffer>, only?: readonly string[]): Promise<ModelRef> {
    const packed = chunkPackage(files);
    const { name, version } = manifestOf(files);
    const { indexSha256, sizeBytes } = packed;
    const champion: ModelRef = { name, version, manifestSha256: hashOf(files), indexSha256, sizeBytes };
    await this.#server.publishChunks(packed, only);
    this.#generation += 1;
    await this.#server.publishDesired({
      v: 1,
      device: this.#device,
      generation: this.#generation,
      issuedAtMs: 0,
      slots: { [SLOT]: { champion, challenger: null } },
    });
    return champion;
  }

  /** Resolves when the device reports this model in this state. */
  async reports({ manifestSha256 }: ModelRef, state: InstallState, about: string): Promise<Install> {
    const newest = () => this.#server.reported.at(-1)?.slots[SLOT]?.install;
    let found: Install | undefined;
    await waitFor(
      () => {
        const install = newest();
        if (install?.manifestSha256 === manifestSha256 && install.state === state) found = install;
        return found !== undefined;
      },
      30_000,
      () => `${about} to be ${state}; reported is ${JSON.stringify(newest())}`,
    );
    if (!found) throw new Error(`${about} was never ${state}`);
    return found;
  }
}

/** Writes a trusted-keys file with this one key. @returns its path */
export function trustedKeysFile(path: string, key: SigningKey): string {
  return writeJson(path, { keys: [{ name: 'test', publicKey: key.publicHex }] });
}
