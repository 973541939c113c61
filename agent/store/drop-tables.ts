/** Deletes rows in the order of their worth, a slice at a time, so that no slice holds up the event loop for long. */
import type { Stream } from '../../protocol/records.ts';
import type { Contexts } from './contexts.ts';
import type { Database, Statement } from './database.ts';
import { PredictionThinning } from './prediction-thinning.ts';
import type { StreamHeads } from './stream-heads.ts';

export interface Dropped {
  /** null: rows that are in no stream (line events). */
  readonly stream: Stream | null;
  /** First and last seq of the slice. */
  readonly from: number;
  readonly to: number;
  /** How many of the deleted rows the server had not acknowledged. */
  readonly unacked: number;
  /** Others like them were kept and stand for them. */
  readonly thinned: boolean;
}

/** Kept whatever happens, so that absence rules near their deadline still see what came. */
const LINE_EVENTS_KEPT = 1000;

interface Step {
  readonly table: Stream | 'line_events';
  readonly acked: boolean;
  /** Some here and there instead of all of the oldest. */
  readonly thin?: boolean;
}

/** First to go, first in the list. Within a step the oldest go first. */
const ORDER: readonly Step[] = [
  { table: 'predictions', acked: true },
  { table: 'metrics', acked: true },
  { table: 'feedback', acked: true },
  { table: 'events', acked: true },
  { table: 'predictions', acked: false, thin: true },
  { table: 'predictions', acked: false },
  { table: 'metrics', acked: false },
  { table: 'line_events', acked: false },
  { table: 'feedback', acked: false },
  { table: 'events', acked: false },
];

type Key = 'seq' | 'id';

export class DropTables {
  readonly #database: Database;
  readonly #heads: StreamHeads;
  readonly #contexts: Contexts;
  readonly #thinning: PredictionThinning;
  readonly #sliceRows: number;
  readonly #statements = new Map<
    string,
    { first: Statement<[], number>; last: Statement<[], number>; drop: Statement<[number]> }
  >();

  constructor(database: Database, heads: StreamHeads, contexts: Contexts, sliceRows: number) {
    this.#database = database;
    this.#heads = heads;
    this.#contexts = contexts;
    this.#thinning = new PredictionThinning(database, heads, contexts, sliceRows);
    this.#sliceRows = sliceRows;
  }

  /**
   * Drops the least worthy rows in a transaction of its own; of a slice that is to be thinned maybe none.
   * @returns what went of each table, that of the step first; undefined when nothing may go
   * @throws CodedError STORE_*: nothing was dropped, and nothing counted
   */
  dropSlice(which: 'acked' | 'any'): Dropped[] | undefined {
    try {
      const slice = this.#database.transaction(() => this.#dropFirst(which));
      for (const { stream, unacked } of slice ?? []) if (stream) this.#heads.addDropped(stream, unacked);
      if (slice?.[0]?.thinned) this.#thinning.moved();
      return slice;
    } catch (cause) {
      // Contexts that were made in it are gone.
      this.#contexts.reload();
      throw cause;
    }
  }

  /** Predictions that the server had not acknowledged and that others stand for, since the epoch began. */
  thinnedTotal(): number {
    return Math.min(this.#thinning.dropped, this.#heads.of('predictions').dropped);
  }

  #dropFirst(which: 'acked' | 'any'): Dropped[] | undefined {
    for (const step of ORDER) {
      if (which === 'acked' && !step.acked) continue;
      const slice = this.#take(step);
      if (slice) return slice;
    }
    return undefined;
  }

  #take({ table, acked, thin = false }: Step): Dropped[] | undefined {
    if (thin) return this.#thinning.slice()?.map((part) => ({ ...part, thinned: true }));
    const dropped = table === 'line_events' ? this.#dropLineEvents() : this.#dropOldest(table, acked);
    return dropped && [dropped];
  }

  /** Deletes line events beyond a number and an age. Inside a transaction only. */
  boundLineEvents(maxRows: number, receivedBeforeMs: number): void {
    const { last } = this.#of('line_events', 'id');
    const { sqlite } = this.#database;
    sqlite.prepare('DELETE FROM line_events WHERE id <= ?').run((last.get() ?? 0) - maxRows);
    sqlite
      .prepare(
        'DELETE FROM line_events WHERE id < (SELECT min(id) FROM line_events) + 10000 AND received_ms < ?',
      )
      .run(receivedBeforeMs);
  }

  /** The newest row always stays: it tells the head of its stream. */
  #dropOldest(stream: Stream, acked: boolean): Dropped | undefined {
    const { first, last, drop } = this.#of(stream, 'seq');
    const place = this.#heads.of(stream);
    const settled = Math.max(place.acked, place.floor);
    const from = first.get();
    const newest = last.get();
    if (from === undefined || newest === undefined) return undefined;
    const to = Math.min(from + this.#sliceRows - 1, newest - 1, acked ? settled : Number.MAX_SAFE_INTEGER);
    if (to < from) return undefined;
    const { changes } = drop.run(to);
    const unacked = from > settled ? changes : 0;
    // The cursor too: it must not fall back behind rows that are gone.
    this.#heads.save(stream, unacked);
    return { stream, from, to, unacked, thinned: false };
  }

  #dropLineEvents(): Dropped | undefined {
    const { first, last, drop } = this.#of('line_events', 'id');
    const from = first.get();
    const to = Math.min((from ?? 0) + this.#sliceRows, (last.get() ?? 0) - LINE_EVENTS_KEPT);
    if (from === undefined || to < from) return undefined;
    drop.run(to);
    return { stream: null, from, to, unacked: 0, thinned: false };
  }

  #of(table: string, key: Key) {
    const known = this.#statements.get(table);
    if (known) return known;
    const { sqlite } = this.#database;
    const number = (sql: string) => sqlite.prepare<[], number>(sql).pluck();
    const made = {
      first: number(`SELECT ${key} FROM ${table} ORDER BY ${key} LIMIT 1`),
      last: number(`SELECT ${key} FROM ${table} ORDER BY ${key} DESC LIMIT 1`),
      drop: sqlite.prepare<[number]>(`DELETE FROM ${table} WHERE ${key} <= ?`),
    };
    this.#statements.set(table, made);
    return made;
  }
}
