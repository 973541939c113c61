/** A registry with a team's keys: it hands out whatever packages a test gives it, and hears what the device says of them. */
import type { Desired, InstallState, ModelRef, ReportedSlot } from '../../../protocol/messages.ts';
import type { FakeServer } from '../../agent/sync/fake-server.ts';
import { chunked } from '../../support/chunks.ts';
import { hashOf, manifestOf } from '../../support/packages.ts';
import { waitFor } from '../../support/processes.ts';
import { SLOT } from './device-process.ts';

type Install = NonNullable<ReportedSlot['install']>;

type Files = ReadonlyMap<string, Buffer>;

export interface WantOptions {
  /** Publishes just these chunks. */
  readonly only?: readonly string[];
  /** What the team put on its list; null: nothing. */
  readonly signed?: Files | null;
}

export class Registry {
  readonly #server: FakeServer;
  readonly #device: string;
  #generation = 0;
  #wanted: Desired['slots'] = {};

  constructor(server: FakeServer, device: string) {
    this.#server = server;
    this.#device = device;
  }

  /**
   * Signs the package, publishes list and chunks, and asks the device to make it its champion.
   * @returns what names the package
   */
  async want(files: Files, { only, signed = files }: WantOptions = {}): Promise<ModelRef> {
    if (signed) this.#server.team.sign(signed);
    await this.#server.publishTrust();
    const packed = chunked(files);
    const { name, version } = manifestOf(files);
    const { indexSha256, sizeBytes } = packed;
    const champion: ModelRef = { name, version, manifestSha256: hashOf(files), indexSha256, sizeBytes };
    await this.#server.publishChunks(packed, only);
    this.#generation += 1;
    this.#wanted = { [SLOT]: { champion, challenger: null } };
    await this.sayAgain();
    return champion;
  }

  /** What is wanted now, as the server would say it. */
  get desired(): Desired {
    return {
      v: 1,
      device: this.#device,
      generation: this.#generation,
      issuedAtMs: 0,
      slots: this.#wanted,
    };
  }

  /** The same state again, with whatever metadata the server says by now. */
  async sayAgain(): Promise<void> {
    await this.#server.publishDesired(this.desired);
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
