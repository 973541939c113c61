/**
 * Every key is lost or replaced once, on a real server, a real agent and the real commands: the device follows by itself,
 * also through roots that it slept through, and goes on installing what the new keys signed.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { AdminApi } from '../../cli/admin-api.ts';
import { serverConfigSchema } from '../../sync-server/config/schema.ts';
import { type RunningServer, startServer } from '../../sync-server/main.ts';
import { runAndon } from '../cli/run-andon.ts';
import { DeviceProcess, SLOT } from '../faults/support/device-process.ts';
import { newFolder } from '../faults/support/scene.ts';
import { TINY_EVERY_MS, tinySamplesCsv } from '../faults/support/tiny-samples.ts';
import { freePort } from '../support/brokers.ts';
import { hashOf, makePackage, writePackage } from '../support/packages.ts';
import { waitFor } from '../support/processes.ts';

/** A fleet of one: its server, its release team's keys folder, and one device. */
class Plant {
  readonly folder = newFolder();
  readonly keys = join(this.folder, 'keys');
  readonly dataDir = join(this.folder, 'server');
  readonly #ports: Promise<[number, number]> = Promise.all([freePort(), freePort()]);
  #server: RunningServer | undefined;
  #newest = 0;

  constructor() {
    onTestFinished(() => this.#server?.stop());
  }

  async startServer(): Promise<void> {
    const [httpPort, brokerPort] = await this.#ports;
    this.#server = await startServer(
      serverConfigSchema.parse({
        dataDir: this.dataDir,
        broker: { kind: 'embedded', port: brokerPort },
        http: { port: httpPort },
        log: { level: 'fatal' },
      }),
    );
  }

  async stopServer(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  get brokerUrl(): string {
    return this.#server?.brokerUrl ?? '';
  }

  get api(): AdminApi {
    return new AdminApi(this.#server?.url ?? '');
  }

  async andon(...args: string[]): Promise<string> {
    const ran = await runAndon('--server', this.#server?.url ?? '', ...args);
    expect(ran, args.join(' ')).toMatchObject({ code: 0 });
    return ran.stdout;
  }

  /** A new version on disk, signed and published. @returns the hash of its manifest */
  async release(): Promise<string> {
    this.#newest += 1;
    const files = makePackage({ version: this.#newest });
    const folder = writePackage(join(this.folder, `tiny-${this.#newest}`), files);
    await this.andon('sign', folder, '--keys', this.keys);
    await this.andon('publish', folder, '--keys', this.keys);
    return hashOf(files);
  }

  rotate(role: 'root' | 'release' | 'server'): Promise<string> {
    return this.andon('keys', 'rotate', role, '--keys', this.keys);
  }

  publishKeys(): Promise<string> {
    return this.andon('keys', 'publish', '--keys', this.keys);
  }

  /** Offers the newest version to the device. @returns how to take it back */
  async offer(): Promise<() => Promise<unknown>> {
    const stages = [{ devices: 1, traffic: 0.5 }];
    const { id } = await this.api.startRollout({ slot: SLOT, model: `tiny@${this.#newest}`, stages });
    return () => this.api.actOnRollout(id, 'abort');
  }

  async deviceFollowsRoot(version: number): Promise<void> {
    let reported: unknown;
    await waitFor(
      async () => {
        reported = (await this.api.fleet()).devices[0]?.reported?.trust;
        return (reported as { root?: number } | undefined)?.root === version;
      },
      20_000,
      () => `root ${version} on the device; it reports ${JSON.stringify(reported)}`,
    );
  }

  async deviceTries(hash: string): Promise<void> {
    let slot: unknown;
    await waitFor(
      async () => {
        const found = (await this.api.fleet()).devices[0]?.reported?.slots[SLOT];
        slot = found;
        return found?.challenger?.manifestSha256 === hash;
      },
      20_000,
      () => `${hash} on trial on the device; it reports ${JSON.stringify(slot)}`,
    );
  }

  /** What the keys at hand signed is installed on the device, then taken back. */
  async releasesAndInstalls(): Promise<void> {
    const hash = await this.release();
    const takeBack = await this.offer();
    await this.deviceTries(hash);
    await takeBack();
  }
}

it('follows new release, root and server keys by itself, awake and asleep', async () => {
  const plant = new Plant();
  await plant.startServer();
  await plant.andon('keys', 'init', plant.keys);
  await plant.release();
  const metadata = join(plant.folder, 'metadata');
  cpSync(join(plant.keys, 'metadata'), metadata, { recursive: true });
  const device = new DeviceProcess(plant.folder, {
    broker: plant.brokerUrl,
    everyMs: TINY_EVERY_MS,
    csv: tinySamplesCsv(1),
    slot: { model: join(plant.folder, 'tiny-1'), probation: { predictions: 5, forMs: 0 } },
    metadata,
  });
  await device.start();
  await plant.deviceFollowsRoot(1);
  await plant.releasesAndInstalls();

  await plant.rotate('release');
  await plant.publishKeys();
  await plant.deviceFollowsRoot(2);
  await plant.releasesAndInstalls();

  await plant.rotate('root');
  await plant.publishKeys();
  await plant.deviceFollowsRoot(3);
  await plant.releasesAndInstalls();

  // The server's key is lost; what the server says from then on counts for nothing until the root names the new one.
  await plant.stopServer();
  rmSync(join(plant.dataDir, 'keys'), { recursive: true });
  await plant.startServer();
  expect(await plant.andon('keys', 'show')).toMatch(/does not name this server’s key/);
  await device.countedSome('SIGNATURE_UNTRUSTED');
  await plant.rotate('server');
  await plant.publishKeys();
  await plant.deviceFollowsRoot(4);
  await plant.releasesAndInstalls();

  expect(await device.end()).toBe(0);
  for (const role of ['root', 'release', 'root', 'server', 'root'] as const) await plant.rotate(role);
  await plant.publishKeys();
  const hash = await plant.release();
  await plant.offer();
  await device.start();
  await plant.deviceFollowsRoot(9);
  await plant.deviceTries(hash);
  expect(await device.end()).toBe(0);

  // It knows all of it from its own disk: with no server, and though its config still has the first root.
  await plant.stopServer();
  await device.start();
  const champion = async () => (await device.status()).slots[0]?.champion?.manifestSha256;
  expect(await champion()).toBe(hashOf(makePackage({ version: 1 })));
  expect((await device.status()).slots[0]?.challenger?.manifestSha256).toBe(hash);
}, 120_000);
