/**
 * Keeps on the broker, as retained messages, exactly the chunks that some device has yet to fetch: the server sends
 * each once and the broker fans it out. A device that misses one anyway asks for it with `want`.
 */
import type { Logger } from 'pino';
import { codeOf } from '../../protocol/errors.ts';
import type { TrustRef } from '../../protocol/messages.ts';
import { topics } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import type { ChunkFiles } from '../store/chunk-files.ts';
import type { ServerStore } from '../store/server-store.ts';
import { neededPackages, needTrust } from './needed-chunks.ts';
import type { Pace } from './pace.ts';

export interface ChunkPublisherDeps {
  readonly store: ServerStore;
  readonly chunkFiles: ChunkFiles;
  readonly publish: (topic: string, payload: Buffer, retain: boolean) => Promise<boolean>;
  /** The signed metadata, which every device needs that has not taken them. */
  readonly trust: { readonly ref: TrustRef | undefined; readonly chunks: readonly string[] };
  readonly pace: Pace;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

/** Asked for again within this time by anyone, a chunk is not sent again: every subscriber got the first answer. */
const ANSWER_AGAIN_AFTER_MS = 500;
/** Reports of a whole fleet come close together; one look answers many. */
const LOOK_AFTER_REPORT_MS = 250;
/** Chunks on the way to the broker at once. */
const IN_FLIGHT = 8;

export class ChunkPublisher {
  readonly #deps: ChunkPublisherDeps;
  /** What the broker has from this connection. */
  #held = new Set<string>();
  #answeredAtMs = new Map<string, number>();
  /** Settles when the run under way has ended. */
  #idle = Promise.resolve();
  #busy = false;
  /** Something changed since the run under way looked. */
  #again = false;
  #soon: NodeJS.Timeout | undefined;
  #stopped = false;
  readonly #stopping = new AbortController();
  #sentBytes = 0;

  constructor(deps: ChunkPublisherDeps) {
    this.#deps = deps;
  }

  /** A new connection: the broker may have forgotten everything, or have restarted. */
  connected(): void {
    this.#held = new Set();
    this.reconcile();
  }

  /** Brings the broker's retained chunks in line with what devices need; runs in the background, one run at a time. */
  reconcile(): void {
    if (this.#stopped) return;
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    this.#idle = this.#run();
  }

  /** A device told what it runs: chunks that were out for it may not be needed any more. */
  deviceReported(): void {
    if (this.#held.size === 0 || this.#stopped) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.reconcile();
    }, LOOK_AFTER_REPORT_MS);
  }

  /** Sends chunks that a device asked for; unknown ones are counted. */
  answer(wanted: readonly string[]): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const [chunk, atMs] of this.#answeredAtMs) {
      if (nowMs - atMs >= ANSWER_AGAIN_AFTER_MS) this.#answeredAtMs.delete(chunk);
    }
    for (const chunk of new Set(wanted)) {
      if (this.#answeredAtMs.has(chunk)) continue;
      if (!this.#deps.store.models.isChunk(chunk) && !this.#deps.trust.chunks.includes(chunk)) {
        this.#deps.counters.add('CHUNK_UNKNOWN');
        continue;
      }
      this.#answeredAtMs.set(chunk, nowMs);
      void this.#send(chunk, this.#held.has(chunk));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopping.abort();
    clearTimeout(this.#soon);
    this.#again = false;
    await this.#idle;
  }

  async #run(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        await this.#align(this.#needed());
      }
    } catch (error) {
      this.#deps.counters.add(codeOf(error));
      this.#deps.log.error({ event: 'chunks-not-aligned', err: error }, 'the next change tries again');
    } finally {
      this.#busy = false;
    }
  }

  async #align(needed: ReadonlySet<string>): Promise<void> {
    for (const chunk of this.#deps.store.models.retainedChunks()) {
      if (!needed.has(chunk)) await this.#takeBack(chunk);
    }
    const missing = [...needed].filter((chunk) => !this.#held.has(chunk));
    for (let at = 0; at < missing.length && !this.#again && !this.#stopped; at += IN_FLIGHT) {
      const some = missing.slice(at, at + IN_FLIGHT);
      // Marked first: a chunk that might be out there is always known as such.
      this.#deps.store.transaction(() => {
        for (const chunk of some) this.#deps.store.models.markRetained(chunk);
      });
      const before = this.#sentBytes;
      const sent = await Promise.all(some.map((chunk) => this.#send(chunk, true)));
      await this.#deps.pace.spend(this.#sentBytes - before, this.#stopping.signal);
      // Offline: the next connect starts over.
      if (sent.includes(false)) return;
      for (const chunk of some) this.#held.add(chunk);
    }
  }

  #needed(): Set<string> {
    const { store, trust } = this.#deps;
    const devices = store.desired
      .all()
      .map(({ device, slots }) => ({ slots, reported: store.devices.of(device)?.reported ?? null }));
    const packages = [...neededPackages(devices)].flatMap((manifest) => store.models.chunksOf(manifest));
    return new Set([...packages, ...(needTrust(devices, trust.ref) ? trust.chunks : [])]);
  }

  async #takeBack(chunk: string): Promise<void> {
    if (!(await this.#deps.publish(topics.chunk(chunk), Buffer.alloc(0), true))) return;
    this.#held.delete(chunk);
    this.#deps.store.models.unmarkRetained(chunk);
  }

  /** @returns false when it did not reach the broker */
  async #send(chunk: string, retain: boolean): Promise<boolean> {
    let bytes: Buffer;
    try {
      bytes = this.#deps.chunkFiles.read(chunk);
    } catch (error) {
      this.#deps.counters.add(codeOf(error));
      this.#deps.log.error(
        { event: 'chunk-unreadable', chunk, err: (error as Error).message },
        'publish it again',
      );
      return true;
    }
    this.#sentBytes += bytes.length;
    return this.#deps.publish(topics.chunk(chunk), bytes, retain);
  }
}
