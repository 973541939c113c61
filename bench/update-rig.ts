/** The parts of a server and of devices that move packages, joined over a real broker, with bytes counted on each side. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../agent/clock.ts';
import { deviceConfigSchema } from '../agent/config/schema.ts';
import { ByteBudget } from '../agent/sync/byte-budget.ts';
import { ChunkFetcher } from '../agent/sync/chunk-fetcher.ts';
import { ChunkStore } from '../agent/sync/chunk-store.ts';
import { MqttLink } from '../agent/sync/mqtt-link.ts';
import { Counters, Counters as ServerCounters } from '../daemon/counters.ts';
import { type ModelRef, parseMessage, wantSchema } from '../protocol/messages.ts';
import { parseUpTopic } from '../protocol/topics.ts';
import { EmbeddedBroker } from '../sync-server/broker/embedded-broker.ts';
import { systemClock as serverClock } from '../sync-server/clock.ts';
import { MqttLink as ServerLink } from '../sync-server/mqtt-link.ts';
import { ChunkPublisher } from '../sync-server/registry/chunk-publisher.ts';
import { Pace } from '../sync-server/registry/pace.ts';
import { publishPackage } from '../sync-server/registry/publish-package.ts';
import { ChunkFiles } from '../sync-server/store/chunk-files.ts';
import { openServerStore } from '../sync-server/store/server-store.ts';
import { TcpProxy } from '../test/support/tcp-proxy.ts';
import { waitFor } from '../test/support/wait-for.ts';
import type { Files } from './update-packages.ts';

const log = pino({ level: 'silent' });
/** Long enough for a broker that is asked by fifty devices at once. */
const WITHIN_MS = 60_000;

/** A server with one package, wanted by so many devices. */
export class ServerRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'andon-bench-update-'));
  readonly #store = openServerStore(this.folder);
  readonly #broker = new EmbeddedBroker({ host: '127.0.0.1', port: 0, counters: new ServerCounters(), log });
  readonly #stops: (() => unknown)[] = [];
  #proxy: TcpProxy | undefined;
  brokerPort = 0;
  ref: ModelRef | undefined;

  /** Returns when the broker holds every chunk. */
  async start(files: Files, devices: number): Promise<this> {
    const store = this.#store;
    const chunkFiles = new ChunkFiles(join(this.folder, 'chunks'));
    const trust = { approve: () => undefined };
    const { model } = publishPackage({ store, chunkFiles, trust, clock: serverClock }, files, '', 'bench');
    this.ref = model.ref;
    const desired = { champion: model.ref, challenger: null };
    for (let i = 0; i < devices; i++) {
      store.desired.save({ device: `device-${i}`, generation: 1, issuedAtMs: 0, slots: { slot: desired } });
    }
    this.brokerPort = Number(new URL(await this.#broker.start()).port);
    this.#proxy = await new TcpProxy(this.brokerPort).start();
    const counters = new ServerCounters();
    const chunks = new ChunkPublisher({
      store,
      chunkFiles,
      publish: (topic, payload, retain) => link.publish(topic, payload, retain),
      trust: { ref: undefined, chunks: [] },
      pace: new Pace(null, serverClock),
      clock: serverClock,
      counters,
      log,
    });
    const link = new ServerLink({
      broker: { url: this.#proxy.url, ...this.#broker.credentials },
      log,
      counters,
      onMessage: ({ topic, payload }) => {
        if (parseUpTopic(topic)?.kind !== 'want') return;
        const want = parseMessage(wantSchema, payload, 'want');
        chunks.answer(want.device, want.chunks);
      },
      onConnect: () => chunks.connected(),
    });
    link.start();
    this.#stops.push(
      () => chunks.stop(),
      () => link.stop(),
    );
    await waitFor('the server on its broker', () => link.connected, WITHIN_MS);
    return this;
  }

  /** Bytes that the server sent to its broker. */
  get sentBytes(): number {
    return this.#proxy?.bytesUp ?? 0;
  }

  async stop(): Promise<void> {
    for (const each of this.#stops) await each();
    await this.#proxy?.stop();
    await this.#broker.stop();
    this.#store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

class CountingChunkStore extends ChunkStore {
  puts = 0;

  override put(sha256: string, bytes: Buffer): Promise<void> {
    this.puts += 1;
    return super.put(sha256, bytes);
  }
}

/** A device of which only link and fetcher are there, behind a proxy of its own. */
export class DeviceRig {
  readonly #folder = mkdtempSync(join(tmpdir(), 'andon-bench-device-'));
  readonly #proxy: TcpProxy;
  readonly #link: MqttLink;
  readonly #fetcher: ChunkFetcher;
  readonly #chunks: CountingChunkStore;

  private constructor(id: string, proxy: TcpProxy) {
    this.#proxy = proxy;
    const config = deviceConfigSchema.parse({
      device: { id },
      sources: {},
      slots: {},
      sync: { broker: proxy.url, retryMs: 50 },
    });
    if (config.sync === null) throw new Error('the bench syncs');
    const states = new Map<string, unknown>();
    const stateTable = {
      get: (key: string) => states.get(key),
      set: (key: string, value: unknown) => void states.set(key, value),
      delete: (key: string) => void states.delete(key),
      keys: () => [...states.keys()],
    };
    this.#link = new MqttLink({
      config: config.sync,
      device: id,
      birth: () => ({
        v: 1,
        device: id,
        timeMs: 0,
        agentVersion: 'bench',
        storeEpoch: '0'.repeat(16),
        labels: {},
        slots: [],
      }),
      clock: systemClock,
      log,
      counters: new Counters(),
    });
    this.#chunks = new CountingChunkStore(join(this.#folder, 'chunks'));
    this.#fetcher = new ChunkFetcher({
      device: id,
      link: this.#link,
      chunks: this.#chunks,
      budget: new ByteBudget({
        of: 'updates',
        limits: config.sync.updates,
        states: stateTable,
        clock: systemClock,
      }),
      packagesFolder: join(this.#folder, 'packages'),
    });
  }

  static async start(id: string, brokerPort: number): Promise<DeviceRig> {
    const device = new DeviceRig(id, await new TcpProxy(brokerPort).start());
    device.#link.start();
    await waitFor(`${id} on the broker`, () => device.#link.connected, WITHIN_MS);
    return device;
  }

  /** Puts a package on its disk, as if it had been installed before. */
  has(files: Files): this {
    for (const [path, bytes] of files) {
      const file = join(this.#folder, 'packages', 'before', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    return this;
  }

  /** Breaks the line each time that so many more bytes came. */
  cutAfter(bytes: number, times = 1): this {
    this.#proxy.cutAfter(bytes, times);
    return this;
  }

  /** Chunks that came whole, each time counted. */
  get chunksCome(): number {
    return this.#chunks.puts;
  }

  /** @returns bytes that came to its socket meanwhile, over all connections */
  async fetch(ref: ModelRef): Promise<number> {
    const before = this.#link.bytesReceived;
    await this.#fetcher.fetchPackage(ref);
    return this.#link.bytesReceived - before;
  }

  async stop(): Promise<void> {
    await this.#link.stop();
    await this.#proxy.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
