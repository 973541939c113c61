/** The device's side of the wire, joined: one link, an uploader a stream, desired state in, reported state out, packages in. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import type { Desired, DesiredSlot, ModelRef } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/records.ts';
import { topics } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import type { DeviceConfig } from '../config/schema.ts';
import { agentError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { DeviceTrust } from '../trust/device-trust.ts';
import { BirthAgain } from './birth-again.ts';
import { ByteBudget } from './byte-budget.ts';
import { ChunkFetcher, type OnProgress } from './chunk-fetcher.ts';
import { ChunkStore } from './chunk-store.ts';
import { DeviceIdentity } from './device-identity.ts';
import { MqttLink } from './mqtt-link.ts';
import { Orders } from './orders.ts';
import { PackCarrier } from './pack-carrier.ts';
import { policyOf } from './privacy-policy.ts';
import { Refusals } from './refusals.ts';
import { Reporter } from './reporter.ts';
import { SelfReport, type SelfReportDeps } from './self-report.ts';
import { ServerTime } from './server-time.ts';
import { UploadLanes } from './upload-lanes.ts';

export interface SyncDeps extends Omit<SelfReportDeps, 'config' | 'store' | 'trust'> {
  readonly config: DeviceConfig;
  readonly store: Pick<Store, 'epoch' | 'inherits' | 'streams' | 'states'>;
  /** Says who may tell this device what to run, and takes the metadata that come with it. */
  readonly trust: Pick<
    DeviceTrust,
    'serverKeys' | 'indexSha256' | 'reported' | 'update' | 'expect' | 'heardTime' | 'onChange'
  >;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

export interface SyncStatus {
  readonly configured: boolean;
  readonly connected: boolean;
  /** Wall clock ms of the last change of `connected`. */
  readonly sinceMs: number;
  /** Records not yet acknowledged, a stream. */
  readonly backlog: Record<Stream, number>;
  readonly lastAckMs: number | null;
  /** Records were sent of which the server has not spoken yet. */
  readonly onTheWay: boolean;
  /** Why records wait although the link is up, for people; null: they do not. */
  readonly heldBack: string | null;
  /** Which cap predictions go as fast as, and until when, for people; null: none is felt. */
  readonly paced: string | null;
}

/** Without `config.sync` every part of it is there and silent. */
export class Sync {
  readonly #deps: SyncDeps;
  readonly #refusals: Refusals;
  readonly #link: MqttLink | undefined;
  readonly #identity: DeviceIdentity | undefined;
  readonly #lanes: UploadLanes | undefined;
  readonly #self: SelfReport;
  readonly #reporter: Reporter | undefined;
  readonly #fetcher: ChunkFetcher | undefined;
  readonly #chunks: ChunkStore;
  readonly #orders: Orders;
  readonly #desiredListeners = new Set<(desired: Desired) => void>();
  readonly #fetches = new Map<AbortController, ModelRef>();
  readonly #serverTime: ServerTime;
  readonly #sinceMs: number;
  #generation = 0;

  constructor(deps: SyncDeps) {
    const { config, store, clock } = deps;
    const device = config.device.id;
    this.#deps = deps;
    this.#refusals = new Refusals(deps);
    this.#self = new SelfReport(deps);
    this.#serverTime = new ServerTime(clock);
    this.#sinceMs = clock.wallMs();
    this.#chunks = new ChunkStore(join(config.dataDir, 'chunks'));
    this.#orders = new Orders({
      device,
      states: store.states,
      trust: deps.trust,
      fetchFiles: async (ref, signal) => this.#fetcher?.fetchFiles(ref, signal),
      dropChunks: async (ref) => this.#fetcher?.dropChunks(ref),
      refusals: this.#refusals,
      onDesired: (desired) => this.#handOn(desired),
    });
    if (config.sync === null) return;
    const refusals = this.#refusals;
    const { states, streams } = store;
    const { updates, telemetry, window, retryMs, chunksUrl } = config.sync;
    if (config.sync.identity) {
      this.#identity = new DeviceIdentity({
        device,
        folder: join(config.dataDir, 'identity'),
        server: config.sync.identity.server,
        clock,
        onFailure: (error) => this.#refusals.refuse(error, 'the renewal of the certificate'),
      });
    }
    const identity = this.#identity;
    const birth = () => this.#self.birth();
    const link = new MqttLink({ ...deps, config: config.sync, device, identity, birth });
    this.#link = link;
    const reported = () => this.#self.state(this.#generation);
    this.#reporter = new Reporter({ device, link, reported, refusals });
    const packagesFolder = join(config.dataDir, 'packages');
    const budget = new ByteBudget({ of: 'updates', limits: updates, states, clock });
    this.#fetcher = new ChunkFetcher({
      device,
      link,
      chunks: this.#chunks,
      budget,
      packagesFolder,
      packs: chunksUrl === null ? undefined : new PackCarrier({ url: chunksUrl, budget, refusals }),
    });
    new BirthAgain({ ...deps, device, link, storeEpoch: store.epoch }).open();
    this.#lanes = new UploadLanes({
      ...deps,
      device,
      link,
      storeEpoch: store.epoch,
      streams,
      states,
      slots: config.slots,
      telemetry,
      privacyOf: (slot) => policyOf(config.slots[slot]),
      window,
      serverTime: this.#serverTime,
      spreadMs: retryMs,
      random: Math.random,
      refusals,
    });
  }

  /** Hands the kept desired state on and begins to connect; returns before there is a connection. */
  async start(): Promise<void> {
    this.#orders.restore();
    const link = this.#link;
    if (!link) return;
    const { id } = this.#deps.config.device;
    await this.#chunks.clean().catch((error) => this.#refusals.refuse(error, 'tidying the chunks'));
    this.#lanes?.open();
    link.subscribe(topics.desired(id), (payload) => this.#orders.receive(payload));
    this.#deps.trust.onChange(() => this.notifyReported());
    link.onChange((connected) => {
      if (connected) this.#reporter?.start();
      else this.#reporter?.stop();
      if (connected) this.#identity?.look();
    });
    this.#identity?.start();
    await link.start();
  }

  /** Ends fetches and the link; takes two seconds at most. */
  async stop(): Promise<void> {
    for (const fetch of this.#fetches.keys()) fetch.abort();
    this.#orders.stop();
    this.#identity?.stop();
    await this.#link?.stop();
  }

  status(): SyncStatus {
    return {
      configured: this.#link !== undefined,
      connected: this.#link?.connected ?? false,
      sinceMs: this.#link?.sinceMs ?? this.#sinceMs,
      backlog: this.#self.backlog(),
      lastAckMs: this.#lanes?.lastAckMs ?? null,
      onTheWay: this.#lanes?.onTheWay ?? false,
      heldBack: this.#lanes?.heldBack ?? null,
      paced: this.#link?.connected ? (this.#lanes?.paced ?? null) : null,
    };
  }

  /** What the server's clock shows, ms since the Unix epoch; null when it has not told lately. */
  serverMs(): number | null {
    return this.#serverTime.nowMs();
  }

  /** Wall clock, ms; null while the device has no certificate, undefined where it needs none. */
  certificateEndsAtMs(): number | null | undefined {
    return this.#identity?.knownEndMs;
  }

  /** Told of each new desired state, and at start of the kept one. Register before `start`. */
  onDesired(listener: (desired: Desired) => void): void {
    this.#desiredListeners.add(listener);
  }

  /** Told of each change of `status().connected`. */
  onLink(listener: (connected: boolean) => void): void {
    this.#link?.onChange(listener);
  }

  /** Records were committed. Cheap; call it after every commit. */
  notifyRecorded(): void {
    this.#lanes?.notify();
    this.#orders.retry();
  }

  /** What `reported` would say has changed. */
  notifyReported(): void {
    this.#reporter?.changed();
  }

  /**
   * Fetches a package over any number of cuts; ended by `signal`, and by a desired state that names it no more.
   * @throws CodedError as `ChunkFetcher.fetchPackage`; FETCH_ABORTED when this device does not sync
   */
  async fetchPackage(
    ref: ModelRef,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Map<string, Buffer>> {
    if (!this.#fetcher) throw agentError('FETCH_ABORTED', 'this device does not sync: config.sync is null');
    const unwanted = new AbortController();
    this.#fetches.set(unwanted, ref);
    try {
      const signals = signal ? [signal, unwanted.signal] : [unwanted.signal];
      return await this.#fetcher.fetchPackage(ref, onProgress, AbortSignal.any(signals));
    } finally {
      this.#fetches.delete(unwanted);
    }
  }

  /** Frees the disk of an installed package's chunks. */
  async dropChunks(ref: ModelRef): Promise<void> {
    await this.#fetcher?.dropChunks(ref);
  }

  /** A person brought this model to a slot. @throws CodedError STORE_FULL, STORE_UNWRITABLE */
  bring(slot: string, desired: DesiredSlot): void {
    this.#orders.bring(slot, desired);
  }

  /** Really drops the connection and stays offline until `cut(false)`. For tests and the demo. */
  cut(held: boolean): void {
    this.#link?.cut(held);
  }

  #handOn(desired: Desired): void {
    this.#generation = desired.generation;
    const wanted = Object.values(desired.slots).flatMap(({ champion, challenger }) =>
      challenger ? [champion, challenger.model] : [champion],
    );
    const isWanted = (ref: ModelRef) => wanted.some(({ indexSha256 }) => indexSha256 === ref.indexSha256);
    for (const [fetch, ref] of this.#fetches) if (!isWanted(ref)) fetch.abort();
    this.#fetcher?.keepOnly(wanted).catch((error) => this.#refusals.refuse(error, 'tidying the chunks'));
    for (const listener of this.#desiredListeners) listener(desired);
    this.notifyReported();
  }
}
