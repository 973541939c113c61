/** Group commit: writes that arrive close together share one transaction and one fsync. */

import type { Counters } from '../../daemon/counters.ts';
import type { Clock } from '../clock.ts';
import { agentError } from '../errors.ts';
import type { Database } from './database.ts';
import { storeError } from './store-error.ts';

interface Waiting {
  readonly rows: number;
  readonly sinceUs: number;
  /** Runs inside the transaction; returns what hands its result to the caller once that is durable. */
  readonly write: () => () => void;
  readonly reject: (cause: unknown) => void;
}

export interface CommitQueueDeps {
  readonly database: Pick<Database, 'transaction' | 'sync'>;
  /** Upper bound from handover to durable, on a disk that syncs as fast as it did last. */
  readonly commitWithinMs: number;
  /** Commit at once when this many rows wait; also about the size of one transaction. */
  readonly maxRows: number;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Called after a transaction that did not happen: what was derived from its rows in memory is wrong now. */
  readonly onRollback: () => void;
  /** Called between commit and fsync; returns what to call when that commit is durable. */
  readonly onCommit: () => () => void;
  /** Called between two commits, `full` when the last one found no room. Must not throw. */
  readonly onIdle: (full: boolean) => void;
}

export class CommitQueue {
  readonly #deps: CommitQueueDeps;
  #waiting: Waiting[] = [];
  #waitingRows = 0;
  #timer: NodeJS.Timeout | undefined;
  #flush: Promise<void> | undefined;
  /** How long the last commit took, so that the next one begins early enough. */
  #lastCommitMs = 0;
  #foundNoRoom = false;
  #failing: string | null = null;
  #closed = false;

  constructor(deps: CommitQueueDeps) {
    this.#deps = deps;
  }

  /** Code of the error by which the last write failed; null once one was recorded again. */
  get failing(): string | null {
    return this.#failing;
  }

  /**
   * @param rows about how many rows `write` writes
   * @returns what `write` returned, durable
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE, STORE_CORRUPT: not recorded, or not proof against a power cut;
   * its rows are counted here under that code
   */
  add<T>(rows: number, write: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(agentError('STORE_UNWRITABLE', 'the store is closed'));
    return new Promise((resolve, reject) => {
      this.#waitingRows += rows;
      this.#waiting.push({
        rows,
        sinceUs: this.#deps.clock.monotonicUs(),
        reject,
        write: () => {
          const result = write();
          return () => resolve(result);
        },
      });
      this.#schedule();
    });
  }

  /** Commits what waits and waits for it; refuses everything after. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#flush || this.#waiting.length > 0) await (this.#flush ?? this.#flushNow());
  }

  #schedule(): void {
    const enough = this.#waitingRows >= this.#deps.maxRows;
    const [oldest] = this.#waiting;
    if (this.#flush || !oldest || (this.#timer && !enough)) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waitedMs = (this.#deps.clock.monotonicUs() - oldest.sinceUs) / 1000;
    const delayMs = enough ? 0 : Math.max(0, this.#deps.commitWithinMs - this.#lastCommitMs - waitedMs);
    if (delayMs === 0) this.#flush = new Promise((resolve) => setImmediate(() => resolve(this.#flushNow())));
    else this.#timer = setTimeout(() => void this.#flushNow(), delayMs);
  }

  #flushNow(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const flush = this.#commit(this.#take()).then(() => {
      this.#flush = undefined;
      this.#deps.onIdle(this.#foundNoRoom);
      this.#foundNoRoom = false;
      this.#schedule();
    });
    this.#flush = flush;
    return flush;
  }

  /** The oldest writes, about `maxRows` rows of them. */
  #take(): Waiting[] {
    let rows = 0;
    const end = this.#waiting.findIndex((waiting) => {
      rows += waiting.rows;
      return rows >= this.#deps.maxRows;
    });
    const taken = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end + 1);
    this.#waitingRows = this.#waiting.reduce((sum, waiting) => sum + waiting.rows, 0);
    return taken;
  }

  /** Never rejects: each write's own promise tells its caller. */
  async #commit(writes: readonly Waiting[]): Promise<void> {
    const startUs = this.#deps.clock.monotonicUs();
    let answers: (() => void)[];
    let durable: () => void;
    try {
      answers = this.#deps.database.transaction(() => writes.map(({ write }) => write()));
      durable = this.#deps.onCommit();
    } catch (cause) {
      this.#deps.onRollback();
      return this.#afterRollback(writes, cause);
    }
    try {
      await this.#deps.database.sync();
    } catch (cause) {
      this.#refuse(writes, cause);
      return;
    }
    this.#failing = null;
    this.#lastCommitMs = (this.#deps.clock.monotonicUs() - startUs) / 1000;
    durable();
    for (const answer of answers) answer();
  }

  /** One bad write must not take its neighbours with it: each gets a transaction of its own. */
  async #afterRollback(writes: readonly Waiting[], cause: unknown): Promise<void> {
    if (writes.length === 1) return this.#refuse(writes, cause);
    for (const write of writes) await this.#commit([write]);
  }

  #refuse(writes: readonly Waiting[], cause: unknown): void {
    const error = storeError(cause, 'cannot record');
    if (error.code === 'STORE_FULL') this.#foundNoRoom = true;
    this.#failing = error.code;
    for (const { rows, reject } of writes) {
      this.#deps.counters.add(error.code, rows);
      reject(error);
    }
  }
}
