/** The second way of chunks to this device: ranges of a pack over HTTP, verified and kept one by one like those from the broker. */
import { setTimeout as pause } from 'node:timers/promises';
import { decodeChunk } from '../../protocol/chunk-codec.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { packOrder, parsePackTable, type Span, tableSpan } from '../../protocol/pack.ts';
import type { PackageIndex } from '../../protocol/package-index.ts';
import type { ByteBudget } from './byte-budget.ts';
import { packRuns, type Run } from './pack-runs.ts';
import { type RangeAnswer, type RangeRequest, requestRange } from './range-request.ts';
import type { Refusals } from './refusals.ts';

export interface PackCarrierDeps {
  /** What a pack is named under, as `sync.chunksUrl`. */
  readonly url: string;
  readonly budget: Pick<ByteBudget, 'waitMs' | 'spend' | 'reason'>;
  readonly refusals: Pick<Refusals, 'refuse'>;
  readonly stalledAfterMs?: number;
}

export interface Delivery {
  /** Keeps verified plain bytes. */
  readonly take: (sha256: string, plain: Buffer) => Promise<void>;
  /** Told why nothing is asked for at the moment. */
  readonly onWait: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** What a range may have: enough that headers cost nothing, little enough that a budget is kept to. */
const RUN_BYTES = 256 * 1024;
const STALLED_AFTER_MS = 30_000;
/** A wait for tomorrow is looked at again now and then: clocks jump. */
const LONGEST_PAUSE_MS = 600_000;

export class PackCarrier {
  readonly #deps: PackCarrierDeps;

  constructor(deps: PackCarrierDeps) {
    this.#deps = deps;
  }

  /** Brings an index, if it can; what kept it from it is counted. */
  async bringIndex(indexSha256: string, delivery: Delivery): Promise<void> {
    await this.#refusing('the index of a package over HTTP', delivery, async () => {
      await this.#allowed(delivery);
      const answer = await this.#request(`${indexSha256}/index`, { maxBytes: LIMITS.messageBytes }, delivery);
      await delivery.take(indexSha256, decodeChunk(indexSha256, await this.#whole(answer)));
    });
  }

  /** Brings as many of the missing chunks as it can; what kept it from the others is counted. */
  async bringChunks(
    indexSha256: string,
    index: PackageIndex,
    missing: ReadonlySet<string>,
    delivery: Delivery,
  ): Promise<void> {
    await this.#refusing('chunks over HTTP', delivery, async () => {
      await this.#allowed(delivery);
      const { layout, etag } = await this.#layout(indexSha256, packOrder(index), delivery);
      for (const run of packRuns(layout, missing, RUN_BYTES)) {
        await this.#allowed(delivery);
        const size = { range: run, etag, maxBytes: run.end - run.start };
        await this.#bringRun(run, await this.#request(indexSha256, size, delivery), delivery);
      }
    });
  }

  async #layout(
    indexSha256: string,
    order: readonly string[],
    delivery: Delivery,
  ): Promise<{ layout: Map<string, Span>; etag: string | undefined }> {
    const range = tableSpan(order.length);
    if (range.end === 0) return { layout: new Map(), etag: undefined };
    const answer = await this.#request(indexSha256, { range, maxBytes: range.end }, delivery);
    return { layout: parsePackTable(order, await this.#whole(answer)), etag: answer.etag };
  }

  async #bringRun(run: Run, answer: RangeAnswer, { take }: Delivery): Promise<void> {
    const body = new ByteQueue();
    let at = run.start;
    try {
      for await (const piece of answer.body) {
        body.push(piece);
        for (const [sha256, { start, end }] of run.chunks) {
          if (start !== at || body.sizeBytes < end - start) continue;
          const encoded = body.shift(end - start);
          this.#deps.budget.spend(encoded.length);
          await take(sha256, decodeChunk(sha256, encoded));
          at = end;
        }
      }
    } finally {
      // A chunk that was cut off was paid for as well.
      this.#deps.budget.spend(body.sizeBytes);
    }
  }

  async #whole({ body }: RangeAnswer): Promise<Buffer> {
    const bytes = new ByteQueue();
    try {
      for await (const piece of body) bytes.push(piece);
    } finally {
      this.#deps.budget.spend(bytes.sizeBytes);
    }
    return bytes.shift(bytes.sizeBytes);
  }

  #request(
    path: string,
    what: Pick<RangeRequest, 'range' | 'etag' | 'maxBytes'>,
    { signal }: Delivery,
  ): Promise<RangeAnswer> {
    const { url, stalledAfterMs = STALLED_AFTER_MS } = this.#deps;
    return requestRange({ url: `${url.replace(/\/+$/, '')}/${path}`, ...what, stalledAfterMs, signal });
  }

  /** Resolves when the byte budget has something left. */
  async #allowed({ onWait, signal }: Delivery): Promise<void> {
    const { budget } = this.#deps;
    for (let waitMs = budget.waitMs(); waitMs > 0; waitMs = budget.waitMs()) {
      if (budget.reason !== null) onWait(budget.reason);
      await pause(Math.min(waitMs, LONGEST_PAUSE_MS), undefined, { signal });
    }
  }

  async #refusing(what: string, { signal }: Delivery, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) this.#deps.refusals.refuse(error, what);
    }
  }
}

/** Pieces as they come, taken out in other sizes. */
class ByteQueue {
  #pieces: Buffer[] = [];
  sizeBytes = 0;

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.sizeBytes += piece.length;
  }

  shift(bytes: number): Buffer {
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all.subarray(bytes)];
    this.sizeBytes -= bytes;
    return all.subarray(0, bytes);
  }
}
