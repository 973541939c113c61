/** Keeps the salvage guide of an open database up to date: a help for a day that may never come, so its failures are only counted. */

import type { Counters } from '../../daemon/counters.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Contexts } from './contexts.ts';
import type { Database } from './database.ts';
import { type KnownNow, writeGuide } from './salvage/salvage-guide.ts';
import type { StreamHeads } from './stream-heads.ts';

const FIRST_MS = 30_000;
const EVERY_MS = 3_600_000;

export interface GuideKeeperDeps {
  readonly path: string;
  readonly epoch: string;
  readonly heads: StreamHeads;
  readonly contexts: Contexts;
  readonly database: Pick<Database, 'sqlite' | 'tables' | 'firstPage' | 'close'>;
  readonly counters: Counters;
}

export class GuideKeeper {
  readonly #deps: GuideKeeperDeps;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: GuideKeeperDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#writeIn(FIRST_MS);
  }

  /** Damage was found: what the guide says is from before it, and stays. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Closes the database, which folds its log into the file, and says how it was left. */
  closeDatabase(): void {
    this.stop();
    const { path, database } = this.#deps;
    const known = this.#attempt(() => this.#known());
    const firstPage = database.close();
    if (known) this.#attempt(() => writeGuide(path, firstPage, known));
  }

  #writeIn(afterMs: number): void {
    this.#timer = setTimeout(() => {
      const { path, database } = this.#deps;
      this.#attempt(() => writeGuide(path, database.firstPage(), this.#known()));
      this.#writeIn(EVERY_MS);
    }, afterMs).unref();
  }

  #known(): KnownNow {
    const { epoch, heads, contexts, database } = this.#deps;
    const of = (place: (stream: Stream) => number) =>
      Object.fromEntries(STREAMS.map((stream) => [stream, place(stream)])) as Record<Stream, number>;
    return {
      epoch,
      tables: database.tables(),
      contexts: contexts.rows(),
      positions: database.sqlite.prepare<[], (string | number)[]>('SELECT * FROM positions').raw().all(),
      heads: of((stream) => heads.of(stream).durable),
      acked: of((stream) => Math.max(heads.of(stream).acked, heads.of(stream).floor)),
    };
  }

  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {
      this.#deps.counters.add('store.guide-failed');
      return undefined;
    }
  }
}
