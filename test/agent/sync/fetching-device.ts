/** A device of which only link and fetcher are there, so that every byte that comes is one of a fetch. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { type Clock, systemClock } from '../../../agent/clock.ts';
import { type DeviceConfig, deviceConfigSchema } from '../../../agent/config/schema.ts';
import type { StateTable } from '../../../agent/store/store.ts';
import { ByteBudget } from '../../../agent/sync/byte-budget.ts';
import { ChunkFetcher, type OnProgress } from '../../../agent/sync/chunk-fetcher.ts';
import { ChunkStore } from '../../../agent/sync/chunk-store.ts';
import { MqttLink } from '../../../agent/sync/mqtt-link.ts';
import { PackCarrier } from '../../../agent/sync/pack-carrier.ts';
import { Refusals } from '../../../agent/sync/refusals.ts';
import { Counters } from '../../../daemon/counters.ts';
import { sha256Hex } from '../../../protocol/keys.ts';
import type { ModelRef } from '../../../protocol/messages.ts';
import { type ChunkedPackage, chunkPackage } from '../../../protocol/package-index.ts';
import { waitFor } from '../../support/wait-for.ts';
import { MemoryStates } from './memory-store.ts';

type Sync = NonNullable<DeviceConfig['sync']>;
type Files = ReadonlyMap<string, Buffer>;

export interface FetchingDeviceOptions {
  readonly broker: string;
  readonly chunksUrl?: string;
  readonly updates?: Partial<Sync['updates']>;
  /** Default: a new folder, removed by `stop`. */
  readonly dataDir?: string;
  readonly states?: StateTable;
  readonly clock?: Clock;
  /** Default: as in production. */
  readonly askAfterMs?: number;
  /** A download over HTTP that brings nothing for so long is given up. */
  readonly stalledAfterMs?: number;
}

export class FetchingDevice {
  readonly id = 'press-1';
  readonly counters = new Counters();
  readonly link: MqttLink;
  readonly chunks: ChunkStore;
  readonly #fetcher: ChunkFetcher;
  readonly #dataDir: string;
  readonly #isOwn: boolean;

  constructor(options: FetchingDeviceOptions) {
    const { broker, chunksUrl, updates = {}, clock = systemClock, states = new MemoryStates() } = options;
    const { counters, id } = this;
    const log = pino({ level: 'silent' });
    this.#isOwn = options.dataDir === undefined;
    this.#dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'andon-fetching-'));
    const { sync } = deviceConfigSchema.parse({
      device: { id },
      sources: {},
      slots: {},
      sync: { broker, retryMs: 50, updates, ...(chunksUrl === undefined ? {} : { chunksUrl }) },
    });
    if (!sync) throw new Error('this device syncs');
    const birth = {
      v: 1,
      device: id,
      timeMs: 0,
      agentVersion: '0.1.0',
      storeEpoch: '0'.repeat(16),
      labels: {},
      slots: [],
    } as const;
    this.link = new MqttLink({
      config: sync,
      device: id,
      birth: () => ({ ...birth, slots: [] }),
      clock,
      log,
      counters,
    });
    this.chunks = new ChunkStore(join(this.#dataDir, 'chunks'));
    const budget = new ByteBudget({ of: 'updates', limits: sync.updates, states, clock });
    const refusals = new Refusals({ clock, counters, log });
    const { stalledAfterMs } = options;
    const packs =
      sync.chunksUrl === null
        ? undefined
        : new PackCarrier({
            url: sync.chunksUrl,
            budget,
            refusals,
            ...(stalledAfterMs === undefined ? {} : { stalledAfterMs }),
          });
    this.#fetcher = new ChunkFetcher({
      device: id,
      link: this.link,
      chunks: this.chunks,
      budget,
      packagesFolder: join(this.#dataDir, 'packages'),
      packs,
      askAfterMs: options.askAfterMs,
    });
  }

  /** Returns when it is on its broker. */
  async start(): Promise<this> {
    await this.link.start();
    await waitFor('on its broker', () => this.link.connected);
    return this;
  }

  async stop(): Promise<void> {
    await this.link.stop();
    if (this.#isOwn) rmSync(this.#dataDir, { recursive: true, force: true });
  }

  fetch(ref: ModelRef, onProgress?: OnProgress, signal?: AbortSignal): Promise<Map<string, Buffer>> {
    return this.#fetcher.fetchPackage(ref, onProgress, signal);
  }

  /** Puts a package on its disk, as if it had been installed before. */
  has(files: Files): this {
    for (const [path, bytes] of files) {
      const file = join(this.#dataDir, 'packages', 'before', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    return this;
  }

  get chunksOnDisk(): number {
    const folder = join(this.#dataDir, 'chunks');
    return existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith('.tmp')).length : 0;
  }
}

export interface Published {
  readonly files: Files;
  readonly chunked: ChunkedPackage;
  readonly ref: ModelRef;
}

/** A package as a registry knows it. */
export function published(files: Files): Published {
  const chunked = chunkPackage(files);
  const { indexSha256, sizeBytes } = chunked;
  const manifestSha256 = sha256Hex(files.get('manifest.json') ?? '');
  return { files, chunked, ref: { name: 'm', version: 1, manifestSha256, indexSha256, sizeBytes } };
}

/** Buffers by hash: comparing megabytes byte by byte takes the test runner seconds. */
export function hashesOf(files: Files): Record<string, string> {
  return Object.fromEntries([...files].map(([path, bytes]) => [path, sha256Hex(bytes)]));
}
