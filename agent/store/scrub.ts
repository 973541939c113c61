/**
 * Reads every row's page once in a while, a little at a time, so that damage is found while the rest can still be saved,
 * and not when the page is needed. What it finds is said by the error of the read (see damage-report.ts).
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

export class Scrub {
  readonly #slices: readonly Statement<[number, number], number | null>[];
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
        .prepare<[number, number], number | null>(
          `SELECT max(place) FROM (SELECT ${key} AS place FROM ${table} WHERE ${key} > ? ORDER BY ${key} LIMIT ?)`,
        )
        .pluck(),
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
      const place = this.#slices[this.#table]?.get(this.#after, ROWS_A_SLICE) ?? null;
      this.#after = place ?? 0;
      if (place === null) this.#table += 1;
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
