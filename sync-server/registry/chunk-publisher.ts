/**
 * Keeps on the broker, as retained messages, exactly the chunks that some device has yet to fetch: the server sends
 * each once and the broker fans it out. A device that misses one anyway asks for it with `want`.
 */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { TrustRef } from '../../protocol/messages.ts';
import { topics } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import type { ChunkFiles } from '../store/chunk-files.ts';
import type { ServerStore } from '../store/server-store.ts';
import { AskedChunks } from './asked-chunks.ts';
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

/** Reports of a whole fleet come close together; one look answers many. */
const LOOK_AFTER_REPORT_MS = 250;
/** Chunks on the way to the broker at once. */
const IN_FLIGHT = 8;

export class ChunkPublisher {
  readonly #deps: ChunkPublisherDeps;
  /** What the broker has from this connection. */
  #held = new Set<string>();
  /** What the run under way has yet to send. */
  #coming: ReadonlySet<string> = new Set();
  readonly #asked = new AskedChunks();
  /** Asked for and not sent yet. */
  readonly #toAnswer = new Set<string>();
  #answering = Promise.resolve();
  #answers = false;
  /** Settles when the run under way has ended. */
  #idle = Promise.resolve();
  #busy = false;
  /** Something changed since the run under way looked. */
  #again = false;
  #soon: NodeJS.Timeout | undefined;
  #stopped = false;
  readonly #stopping = new AbortController();

  constructor(deps: ChunkPublisherDeps) {
    this.#deps = deps;
  }

  /** A new connection: the broker may have forgotten everything, or have restarted. */
  connected(): void {
    this.#held = new Set();
    this.#asked.connected();
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

  /** Sends chunks that a device asked for, a few at once as all else; unknown ones are counted. */
  answer(device: string, wanted: readonly string[]): void {
    const { clock, counters, store, trust } = this.#deps;
    const known = wanted.filter((chunk) => store.models.isChunk(chunk) || trust.chunks.includes(chunk));
    for (let i = known.length; i < wanted.length; i++) counters.add('CHUNK_UNKNOWN');
    const isHeld = (chunk: string) => this.#held.has(chunk);
    // What is about to come anyway would come twice.
    const absent = known.filter((chunk) => isHeld(chunk) || !this.#coming.has(chunk));
    for (const chunk of this.#asked.due(device, absent, isHeld, clock.monotonicMs())) {
      this.#toAnswer.add(chunk);
    }
    if (this.#answers || this.#stopped) return;
    this.#answers = true;
    this.#answering = this.#answerAll();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopping.abort();
    clearTimeout(this.#soon);
    this.#again = false;
    this.#toAnswer.clear();
    await Promise.all([this.#idle, this.#answering]);
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
      this.#coming = new Set();
    }
  }

  async #align(needed: ReadonlySet<string>): Promise<void> {
    for (const chunk of this.#deps.store.models.retainedChunks()) {
      if (!needed.has(chunk)) await this.#takeBack(chunk);
    }
    const missing = [...needed].filter((chunk) => !this.#held.has(chunk));
    this.#coming = new Set(missing);
    for (let at = 0; at < missing.length && !this.#again && !this.#stopped; at += IN_FLIGHT) {
      const some = missing.slice(at, at + IN_FLIGHT);
      // Marked first: a chunk that might be out there is always known as such.
      this.#deps.store.transaction(() => {
        for (const chunk of some) this.#deps.store.models.markRetained(chunk);
      });
      const sent = await Promise.all(some.map((chunk) => this.#send(chunk, true)));
      // Offline: the next connect starts over.
      if (sent.includes(false)) return;
      for (const chunk of some) this.#held.add(chunk);
    }
  }

  async #answerAll(): Promise<void> {
    try {
      while (this.#toAnswer.size > 0) {
        const some = [...this.#toAnswer].slice(0, IN_FLIGHT);
        for (const chunk of some) this.#toAnswer.delete(chunk);
        await Promise.all(some.map((chunk) => this.#send(chunk, this.#held.has(chunk))));
      }
    } finally {
      this.#answers = false;
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

  /** Resolves when the next one may go. @returns false when it did not reach the broker */
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
    const sent = await this.#deps.publish(topics.chunk(chunk), bytes, retain);
    if (sent) await this.#deps.pace.spend(bytes.length, this.#stopping.signal);
    return sent;
  }
}
