/**
 * A disk that lies about fsync can forget the last records after the server had them; their numbers are then given out
 * again, and the server would take the new records for repeats. So each start remembers where every stream ended, and
 * nothing beyond that leaves before the server has shown that it has no more (see `Uploader`). What an earlier start
 * remembered stands until then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Sqlite } from './database.ts';
import { readMeta, writeMeta } from './meta.ts';

type Heads = Partial<Record<Stream, number>>;

export const UNPROVEN_KEY = 'unproven';

/**
 * A disk that forgets that a head was proven must not remember what was sent on the strength of it: it would look as if
 * the server had records that are not ours. Half a second is what such a disk may hold back; live records wait that long after a start.
 */
const SETTLE_MS = 500;

const headsSchema = z.partialRecord(z.enum(STREAMS), z.int().min(0));

/** Heads that an earlier start of this epoch found and that no server has confirmed since; of other streams nothing. */
export function readUnproven(sqlite: Sqlite): Heads {
  return headsSchema.parse(JSON.parse(readMeta(sqlite, UNPROVEN_KEY) ?? '{}'));
}

export class UnprovenHeads {
  readonly #sqlite: Sqlite;
  readonly #queue: CommitQueue;
  #heads: Heads;
  /** Follows the proof of predictions. */
  #predictionsProven: Promise<void> = Promise.resolve();
  #tellPredictionsProven: () => void = () => undefined;

  constructor(sqlite: Sqlite, queue: CommitQueue) {
    this.#sqlite = sqlite;
    this.#queue = queue;
    this.#heads = readUnproven(sqlite);
    if (this.#heads.predictions !== undefined) {
      this.#predictionsProven = new Promise((resolve) => {
        this.#tellPredictionsProven = resolve;
      });
    }
  }

  of(stream: Stream): number | undefined {
    return this.#heads[stream];
  }

  /**
   * Resolves when it holds. That of feedback waits for predictions: a label names one by its number, which may be another's.
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE
   */
  async prove(stream: Stream): Promise<void> {
    if (stream === 'feedback') await this.#predictionsProven;
    await this.#queue.add(1, () => {
      const left = without(readUnproven(this.#sqlite), stream);
      writeMeta(this.#sqlite, UNPROVEN_KEY, JSON.stringify(left));
    });
    await sleep(SETTLE_MS, undefined, { ref: false });
    this.#heads = without(this.#heads, stream);
    if (stream === 'predictions') this.#tellPredictionsProven();
  }
}

function without(heads: Heads, stream: Stream): Heads {
  return Object.fromEntries(Object.entries(heads).filter(([each]) => each !== stream));
}
