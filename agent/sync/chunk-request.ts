/**
 * Fetches a set of chunks: from the broker a few topics at once, each chunk verified and kept before the next is asked for.
 * Where the broker stays silent and the server too, it goes on over HTTP, if that is configured; then it is the broker's turn again.
 */
import { decodeChunk } from '../../protocol/chunk-codec.ts';
import type { Want } from '../../protocol/messages.ts';
import { topics } from '../../protocol/topics.ts';
import { agentError } from '../errors.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { ChunkStore } from './chunk-store.ts';
import type { MqttLink } from './mqtt-link.ts';
import type { Delivery } from './pack-carrier.ts';

/**
 * One at a time while the broker hands them out by itself: what a cut or a kill takes is one chunk. What the server is asked for
 * is asked in larger lots, for each lot waits a while.
 */
const AT_ONCE = { fromBroker: 1, fromServer: 8 } as const;
/** Chunks that wait for the disk, in memory. */
const MOST_SYNCING = 32;
/** What the broker does not hand out by itself within this time is asked of the server; then twice as long each time. */
const ASK_AFTER_MS = 1000;
const ASK_AT_MOST_EVERY_MS = 30_000;
/** More bytes than acknowledgements make: a chunk is on its way over a slow link. */
const TRICKLE_BYTES = 4096;
const MAX_TRICKLES = 20;
/** A wait for tomorrow is looked at again now and then: clocks jump. */
const LONGEST_TIMER_MS = 600_000;

export interface ChunkRequestDeps {
  readonly device: string;
  readonly link: MqttLink;
  readonly chunks: ChunkStore;
  readonly budget: Pick<ByteBudget, 'waitMs' | 'spend' | 'reason'>;
  /** Default: a second, which a slow broker takes. */
  readonly askAfterMs?: number | undefined;
}

export interface WantedChunks {
  readonly hashes: Iterable<string>;
  /** A chunk is verified and on the disk. */
  readonly onChunk: (sha256: string, plain: Buffer) => void;
  readonly onWait?: (reason: string) => void;
  /** Brings what it can of the missing ones; does not throw for what it cannot bring. */
  readonly overHttp?: ((missing: ReadonlySet<string>, delivery: Delivery) => Promise<void>) | undefined;
}

export class ChunkRequest {
  readonly #deps: ChunkRequestDeps;
  readonly #wanted: WantedChunks;
  readonly #queue: Set<string>;
  /** Chunks that are asked for, with how to stop asking. */
  readonly #open = new Map<string, () => void>();
  #syncing = 0;
  #askTimer: NodeJS.Timeout | undefined;
  #budgetTimer: NodeJS.Timeout | undefined;
  #asks = 0;
  #atOnce: number = AT_ONCE.fromBroker;
  #trickles = 0;
  #overHttp = false;
  readonly #ended = new AbortController();
  #settle: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(deps: ChunkRequestDeps, wanted: WantedChunks) {
    this.#deps = deps;
    this.#wanted = wanted;
    this.#queue = new Set(wanted.hashes);
  }

  /**
   * Resolves when every chunk is on disk; waits through any time offline.
   * @throws CodedError FETCH_ABORTED; errors of the disk (ENOSPC)
   */
  async run(signal: AbortSignal | undefined): Promise<void> {
    const abort = () => {
      const settle = this.#settle;
      // At once: a chunk that comes in this very turn would stay on the disk for nobody.
      this.#end();
      settle?.reject(aborted());
    };
    if (signal?.aborted) throw aborted();
    signal?.addEventListener('abort', abort);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settle = { resolve, reject };
        this.#fill();
        this.#askLater();
      });
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#end();
    }
  }

  #end(): void {
    clearTimeout(this.#askTimer);
    clearTimeout(this.#budgetTimer);
    this.#settle = undefined;
    this.#ended.abort();
    for (const close of this.#open.values()) close();
    this.#open.clear();
  }

  #fill(): void {
    while (this.#open.size < this.#atOnce && this.#syncing < MOST_SYNCING && this.#mayAsk()) {
      const [sha256] = this.#queue;
      if (sha256 === undefined) break;
      this.#queue.delete(sha256);
      const close = this.#deps.link.subscribe(topics.chunk(sha256), (bytes) => this.#receive(sha256, bytes));
      this.#open.set(sha256, close);
    }
    if (this.#open.size + this.#syncing + this.#queue.size === 0) this.#settle?.resolve();
  }

  /** Whether the byte budget allows one more; comes back by itself when it does not. */
  #mayAsk(): boolean {
    if (this.#queue.size === 0 || this.#overHttp) return false;
    const { budget } = this.#deps;
    const waitMs = budget.waitMs();
    if (waitMs <= 0) return true;
    if (budget.reason !== null) this.#wanted.onWait?.(budget.reason);
    clearTimeout(this.#budgetTimer);
    this.#budgetTimer = setTimeout(() => this.#fill(), Math.min(waitMs, LONGEST_TIMER_MS));
    return false;
  }

  #receive(sha256: string, bytes: Buffer): void {
    const close = this.#open.get(sha256);
    // Empty: the broker was told to keep it no longer.
    if (!close || bytes.length === 0) return;
    // Wrong bytes were paid for as well.
    this.#deps.budget.spend(bytes.length);
    const plain = decodeChunk(sha256, bytes);
    close();
    this.#open.delete(sha256);
    this.#syncing += 1;
    this.#asks = 0;
    this.#trickles = 0;
    this.#askLater();
    this.#deps.chunks
      .put(sha256, plain)
      .then(() => {
        this.#syncing -= 1;
        if (!this.#settle) return;
        this.#wanted.onChunk(sha256, plain);
        this.#fill();
      })
      .catch((error) => this.#settle?.reject(error));
    // It survives a kill already; that the disk takes its time with the sync must not make the line idle.
    this.#fill();
  }

  /** Asks when no chunk has come for a while, unless one is visibly on its way. */
  #askLater(): void {
    clearTimeout(this.#askTimer);
    if (this.#overHttp) return;
    const { link, askAfterMs = ASK_AFTER_MS } = this.#deps;
    const bytesBefore = link.bytesReceived;
    const waitMs = Math.min(ASK_AT_MOST_EVERY_MS, askAfterMs * 2 ** this.#asks);
    this.#askTimer = setTimeout(() => {
      if (link.bytesReceived - bytesBefore > TRICKLE_BYTES && this.#trickles < MAX_TRICKLES) {
        this.#trickles += 1;
      } else if (link.connected && this.#open.size > 0) {
        // Every second time, so that each way has its turn.
        if (this.#wanted.overHttp && this.#asks % 2 === 1) void this.#goOverHttp(this.#wanted.overHttp);
        else this.#ask();
        this.#asks += 1;
      }
      this.#askLater();
    }, waitMs);
  }

  #ask(): void {
    const { device, link } = this.#deps;
    this.#atOnce = AT_ONCE.fromServer;
    this.#fill();
    if (this.#open.size === 0) return;
    const want: Want = { v: 1, device, chunks: [...this.#open.keys()] };
    // Lost with the link: asked again after the next quiet time.
    link.publish(topics.want(device), JSON.stringify(want)).catch(() => undefined);
  }

  async #goOverHttp(bring: NonNullable<WantedChunks['overHttp']>): Promise<void> {
    this.#overHttp = true;
    // Nothing may come twice: what the broker has not begun to send comes this way.
    for (const [sha256, close] of this.#open) {
      close();
      this.#queue.add(sha256);
    }
    this.#open.clear();
    try {
      await bring(new Set(this.#queue), {
        take: (sha256, plain) => this.#take(sha256, plain),
        onWait: (reason) => this.#wanted.onWait?.(reason),
        signal: this.#ended.signal,
      });
    } catch (error) {
      this.#settle?.reject(error);
    } finally {
      this.#overHttp = false;
      if (this.#settle) {
        this.#fill();
        this.#askLater();
      }
    }
  }

  async #take(sha256: string, plain: Buffer): Promise<void> {
    try {
      await this.#deps.chunks.put(sha256, plain);
    } catch (error) {
      this.#settle?.reject(error);
      throw error;
    }
    if (!this.#settle) return;
    this.#queue.delete(sha256);
    this.#asks = 0;
    this.#wanted.onChunk(sha256, plain);
    this.#fill();
  }
}

function aborted(): Error {
  return agentError('FETCH_ABORTED', 'a newer desired state no longer wants this package');
}
