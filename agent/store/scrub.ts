/**
 * Reads every row once in a while, a little at a time, so that damage is found while the rest can still be saved, and not
 * when the row is needed. Beside what SQLite itself notices: rows out of order, and rows that a search by key misses.
 */
import type { Counters } from '../counters.ts';
import type { Sqlite, Statement } from './database.ts';
import { isCorrupt } from './store-error.ts';

const TABLES = {
  predictions: 'seq',
  feedback: 'seq',
  metrics: 'seq',
  events: 'seq',
  line_events: 'id',
} as const;
const ROWS_A_SLICE = 2000;
/** Five million rows take two minutes, at some percent of a core. */
const PAUSE_MS = 50;

export interface ScrubPlan {
  /** Until the first walk. */
  readonly firstMs: number;
  /** From the end of one walk to the next. */
  readonly everyMs: number;
}

/** A row as it stands in the order of the table; `found`: it is where a search by its key comes to. */
type Row = [key: number, found: 0 | 1];

export class Scrub {
  readonly #slices: readonly Statement<[number, number], Row>[];
  readonly #plan: ScrubPlan;
  readonly #counters: Counters;
  readonly #onDamage: () => void;
  #timer: NodeJS.Timeout | undefined;
  #table = 0;
  #after = 0;

  constructor(sqlite: Sqlite, plan: ScrubPlan, counters: Counters, onDamage: () => void) {
    this.#plan = plan;
    this.#counters = counters;
    this.#onDamage = onDamage;
    this.#slices = Object.entries(TABLES).map(([table, key]) =>
      sqlite
        .prepare<[number, number], Row>(
          `SELECT ${key}, EXISTS (SELECT 1 FROM ${table} same WHERE same.${key} = one.${key})
           FROM ${table} one WHERE ${key} > ? ORDER BY ${key} LIMIT ?`,
        )
        .raw(),
    );
  }

  start(): void {
    this.#next(this.#plan.firstMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #step(): void {
    let damaged = false;
    try {
      const rows = this.#slices[this.#table]?.all(this.#after, ROWS_A_SLICE) ?? [];
      damaged = rows.some(([key, found], i) => found === 0 || key <= (rows[i - 1]?.[0] ?? this.#after));
      this.#after = rows.at(-1)?.[0] ?? 0;
      if (rows.length === 0) this.#table += 1;
    } catch (cause) {
      damaged = isCorrupt(cause);
      if (!damaged) this.#counters.add('store.scrub-failed');
    }
    // Nothing can be mended in place: damage ends the walk.
    if (damaged) this.#onDamage();
    else if (this.#table < this.#slices.length) this.#next(PAUSE_MS);
    else this.#beginAgain();
  }

  #beginAgain(): void {
    this.#table = 0;
    this.#counters.add('store.scrubbed');
    this.#next(this.#plan.everyMs);
  }

  #next(afterMs: number): void {
    this.#timer = setTimeout(() => this.#step(), afterMs).unref();
  }
}
