/** A device under update whose every step is seen, and the server that updates it; looks into the device's folders as nobody at work may. */
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { readPackageFolder } from '../../../../agent/models/package-folder.ts';
import { needed, type SlotState, slotStateSchema } from '../../../../agent/models/slot-state.ts';
import type { InstallState, ModelRef } from '../../../../protocol/messages.ts';
import { verifyPackage } from '../../../../protocol/package-verify.ts';
import { FakeServer } from '../../../agent/sync/fake-server.ts';
import { startAedes } from '../../../support/brokers.ts';
import { chunked } from '../../../support/chunks.ts';
import {
  hashOf,
  makePackage,
  manifestOf,
  type PackageOptions,
  writePackage,
} from '../../../support/packages.ts';
import { waitFor } from '../../../support/processes.ts';
import { TcpProxy } from '../../../support/tcp-proxy.ts';
import { DeviceProcess, SLOT } from '../../support/device-process.ts';
import { newFolder } from '../../support/scene.ts';
import { TINY_EVERY_MS, tinySamplesCsv } from '../../support/tiny-samples.ts';
import type { BuiltAgent } from './built-agent.ts';
import { Steps } from './steps.ts';

const PROBATION_PREDICTIONS = 20;
const LOOKS_ON_SAMPLES = 10;
const WITHIN_MS = 30_000;
const TIDY_WITHIN_MS = 10_000;

export type Files = ReadonlyMap<string, Buffer>;

export interface SceneOptions {
  readonly dataDir?: string;
  /** More fields of the slot's configuration. */
  readonly slot?: object;
  /** The device's line to the broker can be cut. */
  readonly throughProxy?: boolean;
}

export class UpdateScene {
  readonly server: FakeServer;
  readonly device: DeviceProcess;
  readonly steps: Steps;
  readonly proxy: TcpProxy;
  /** Package folder that the configuration names. */
  readonly model: string;
  readonly released: Files[] = [];
  #version = 1;
  #generation = 0;

  private constructor(parts: Pick<UpdateScene, 'server' | 'device' | 'steps' | 'proxy' | 'model'>) {
    this.server = parts.server;
    this.device = parts.device;
    this.steps = parts.steps;
    this.proxy = parts.proxy;
    this.model = parts.model;
  }

  /** A broker, a server and a device that has not started yet. */
  static async prepare(
    id: string,
    { program, hooks }: BuiltAgent,
    { dataDir: elsewhere, throughProxy = false, slot = {} }: SceneOptions = {},
  ): Promise<UpdateScene> {
    const folder = newFolder();
    const broker = await startAedes();
    onTestFinished(() => broker.stop());
    const server = await new FakeServer().start(broker.url);
    onTestFinished(() => server.stop());
    const first = makePackage();
    const model = writePackage(join(folder, 'champion'), first);
    const dataDir = elsewhere ?? join(folder, id, 'data');
    const proxy = await new TcpProxy(broker.port).start();
    onTestFinished(() => proxy.stop());
    const steps = new Steps(hooks, folder, dataDir);
    const device = new DeviceProcess(folder, {
      id,
      program,
      broker: throughProxy ? proxy.url : broker.url,
      dataDir,
      everyMs: TINY_EVERY_MS,
      csv: tinySamplesCsv(1),
      slot: {
        model,
        probation: { predictions: PROBATION_PREDICTIONS, forMs: 0, maxErrorRate: 0.1 },
        selfTest: { shadowSamples: LOOKS_ON_SAMPLES },
        ...slot,
      },
      metadata: server.team.sign(first).writeMetadata(join(folder, 'metadata')),
      env: steps.env,
    });
    return new UpdateScene({ server, device, steps, proxy, model });
  }

  /** The next version, signed; its metadata travel with the next desired state. */
  async release(options: PackageOptions = {}): Promise<Files> {
    this.#version += 1;
    const graph = { weights: [[this.#version, -1]] };
    const files = makePackage({ graph, ...options, version: this.#version });
    this.server.team.sign(files);
    await this.server.publishTrust();
    this.released.push(files);
    return files;
  }

  /** @param only publishes just so many of its chunks, the index first */
  async want(files: Files, only?: number): Promise<ModelRef> {
    const packed = chunked(files);
    const { indexSha256 } = packed;
    const names = [indexSha256, ...[...packed.chunks.keys()].filter((chunk) => chunk !== indexSha256)];
    await this.server.publishChunks(packed, names.slice(0, only));
    return this.order(files);
  }

  /** Says what is wanted, and publishes nothing of it. */
  async order(files: Files): Promise<ModelRef> {
    const { indexSha256, sizeBytes } = chunked(files);
    const { name, version } = manifestOf(files);
    const champion = { name, version, manifestSha256: hashOf(files), indexSha256, sizeBytes };
    this.#generation += 1;
    await this.server.publishDesired({
      v: 1,
      device: this.device.id,
      generation: this.#generation,
      issuedAtMs: 0,
      slots: { [SLOT]: { champion, challenger: null } },
    });
    return champion;
  }

  hashOf(files: Files): string {
    return hashOf(files);
  }

  /** Where this model stands, as the device last reported it; undefined when it spoke of another one. */
  reportsNow(files: Files): InstallState | undefined {
    const install = this.server.reported.at(-1)?.slots[SLOT]?.install;
    return install?.manifestSha256 === hashOf(files) ? install.state : undefined;
  }

  /** Resolves when nothing is in the folders of packages and chunks that nobody needs. */
  async isTidy(about: string): Promise<void> {
    let left: string[] = [];
    await waitFor(
      () => {
        try {
          left = this.leftovers(this.row());
          return left.length === 0;
        } catch {
          // The copy of a database at work may be torn; then the next look decides.
          return false;
        }
      },
      TIDY_WITHIN_MS,
      () => `the folders to be tidy after ${about}; there is ${left.join(', ')}`,
    );
  }

  /** Resolves when the device says so, or when its process has ended: false. */
  async reports(
    { manifestSha256 }: { readonly manifestSha256: string },
    state: InstallState,
  ): Promise<boolean> {
    const install = () => this.server.reported.at(-1)?.slots[SLOT]?.install;
    const isSo = () => install()?.manifestSha256 === manifestSha256 && install()?.state === state;
    await waitFor(
      () => isSo() || this.device.ended,
      WITHIN_MS,
      () =>
        `${state} of ${manifestSha256.slice(0, 12)}; reported is ${JSON.stringify(install())}\n${this.device.output}`,
    );
    return isSo();
  }

  /** The slot's row as it is on the disk of an ended device; undefined before there was one. Leaves the disk as it is. */
  row(): SlotState | undefined {
    const folder = mkdtempSync(join(tmpdir(), 'andon-row-'));
    try {
      for (const end of ['', '-wal']) {
        const file = `${this.device.database}${end}`;
        if (existsSync(file)) cpSync(file, join(folder, `store.db${end}`));
      }
      const database = new Database(join(folder, 'store.db'));
      const value = database
        .prepare<[string], string>('SELECT value FROM states WHERE key = ?')
        .pluck()
        .get(`models/${SLOT}`);
      database.close();
      return value === undefined ? undefined : slotStateSchema.parse(JSON.parse(value));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** Throws unless this package is on the device's disk, whole. */
  async verify(manifestSha256: string): Promise<void> {
    const found = verifyPackage(
      await readPackageFolder(join(this.device.dataDir, 'packages', manifestSha256)),
    );
    if (found.manifestSha256 !== manifestSha256) throw new Error(`${manifestSha256} holds another package`);
  }

  /** Names in the folders of packages and chunks that nobody needs any more. */
  leftovers(state: SlotState | undefined): string[] {
    const keep = new Set(state ? needed(state) : []);
    const names = (room: string) => {
      const folder = join(this.device.dataDir, room);
      return existsSync(folder) ? readdirSync(folder).map((name) => ({ name, path: `${room}/${name}` })) : [];
    };
    const packages = names('packages').filter(({ name }) => !keep.has(name));
    return [...packages, ...names('chunks')].map(({ path }) => path);
  }
}
