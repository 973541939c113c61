/**
 * Reads every row once in a while, a little at a time, so that damage is found while the rest can still be saved, and not
 * when the row is needed. Beside what SQLite itself notices: rows out of order, rows that a search by key or by an index
 * misses, and rows that do not hold what was written.
 */

import type { Counters } from '../../daemon/counters.ts';
import { STREAMS } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';
import type { RowValue } from './row-sum.ts';
import { soundRows } from './sound-rows.ts';
import { isCorrupt } from './store-error.ts';

interface Table {
  readonly name: string;
  readonly key: string;
  /** Has rows of which this holds, by a column that then is not null. */
  readonly index?: { readonly name: string; readonly column: string; readonly where: string };
}

const PARTS = { name: 'predictions_by_part', column: 'correlation_id', where: 'pair_distance = 0' };
const LABELS = { name: 'feedback_by_prediction', column: 'prediction_seq', where: 'true' };
const TABLES: readonly Table[] = [
  { name: 'predictions', key: 'seq', index: PARTS },
  { name: 'feedback', key: 'seq', index: LABELS },
  { name: 'metrics', key: 'seq' },
  { name: 'events', key: 'seq' },
  { name: 'line_events', key: 'id' },
];
const ROWS_A_SLICE = 2000;
/** Five million rows take two minutes, at some percent of a core. */
const PAUSE_MS = 50;

export interface ScrubPlan {
  /** Until the first walk. */
  readonly firstMs: number;
  /** From the end of one walk to the next. */
  readonly everyMs: number;
}

/** A row as it stands in the order of the table, then: whether a search by its key comes to it, and one by its index. */
type Row = [key: number, ...rest: RowValue[]];

interface Walk {
  readonly rows: Statement<[number, number], Row>;
  readonly isSound: (row: Row) => boolean;
}

export interface ScrubFindings {
  /** Once: nothing can be mended in place, and the walk ends. */
  readonly onDamage: () => void;
  /** At the end of a walk: so many rows do not hold what was written, more than there were before. */
  readonly onUnsound: (rows: number) => void;
}

export class Scrub {
  readonly #walks: readonly Walk[];
  readonly #plan: ScrubPlan;
  readonly #counters: Counters;
  readonly #findings: ScrubFindings;
  #timer: NodeJS.Timeout | undefined;
  #table = 0;
  #after = 0;
  #unsound = 0;
  #unsoundTold = 0;

  constructor(sqlite: Sqlite, plan: ScrubPlan, counters: Counters, findings: ScrubFindings) {
    this.#plan = plan;
    this.#counters = counters;
    this.#findings = findings;
    this.#walks = TABLES.map((table) => {
      const stream = STREAMS.find((each) => each === table.name);
      return {
        rows: sqlite.prepare<[number, number], Row>(rowsSql(table)).raw(),
        isSound: stream ? soundRows(sqlite, stream) : () => true,
      };
    });
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
      damaged = this.#lookAtSlice();
    } catch (cause) {
      damaged = isCorrupt(cause);
      if (!damaged) this.#counters.add('store.scrub-failed');
    }
    if (damaged) this.#findings.onDamage();
    else if (this.#table < TABLES.length) this.#next(PAUSE_MS);
    else this.#beginAgain();
  }

  /** @returns true when it is damaged */
  #lookAtSlice(): boolean {
    const walk = this.#walks[this.#table];
    const rows = walk?.rows.all(this.#after, ROWS_A_SLICE) ?? [];
    let before = this.#after;
    for (const row of rows) {
      const [isIndexed, isFound] = [row.at(-1) === 1, row.at(-2) === 1];
      const isSound = walk?.isSound(row) ?? true;
      // What a row that is unsound should be found by, nobody knows.
      if (!isFound || row[0] <= before || (isSound && !isIndexed)) return true;
      if (!isSound) this.#unsound += 1;
      before = row[0];
    }
    this.#after = rows.length === 0 ? 0 : before;
    if (rows.length === 0) this.#table += 1;
    return false;
  }

  #beginAgain(): void {
    this.#counters.add('store.scrubbed');
    if (this.#unsound > this.#unsoundTold) this.#findings.onUnsound(this.#unsound);
    this.#unsoundTold = this.#unsound;
    this.#unsound = 0;
    this.#table = 0;
    this.#next(this.#plan.everyMs);
  }

  #next(afterMs: number): void {
    this.#timer = setTimeout(() => this.#step(), afterMs).unref();
  }
}

function rowsSql({ name, key, index }: Table): string {
  const indexed = index
    ? `${index.column} IS NULL OR NOT ${index.where} OR EXISTS (
         SELECT 1 FROM ${name} same INDEXED BY ${index.name}
         WHERE same.${index.column} = one.${index.column} AND same.${key} = one.${key} AND ${index.where})`
    : 'true';
  return `SELECT one.*, EXISTS (SELECT 1 FROM ${name} same WHERE same.${key} = one.${key}), ${indexed}
          FROM ${name} one WHERE ${key} > ? ORDER BY ${key} LIMIT ?`;
}
