/** The dictionary of prediction contexts: a prediction row carries one small integer for who spoke and under which circumstances. */

import type { Counters } from '../../daemon/counters.ts';
import { ContextMap, type PredictionContext } from '../../protocol/prediction-context.ts';
import { ROLES, type Role } from '../../protocol/records.ts';
import { NO_TAGS, tagsText } from '../../protocol/tags.ts';
import type { Sqlite, Statement } from './database.ts';
import { rowSum } from './row-sum.ts';

export interface Context extends PredictionContext {
  readonly id: number;
}

type Words = [
  run: string,
  slot: string,
  model: string,
  role: number,
  tags: string,
  propensity: number,
  explored: number,
  keptShare: number,
];
type Row = [id: number, ...Words];
/** With its checksum. */
type StoredRow = [...Row, sum: number];

const COLUMNS = 'run, slot, model, role, tags, propensity, explored, kept_share';
/** A tag that is different for every part (a serial number) must not make the dictionary as long as the predictions. */
const MOST_OF_A_RUN = 10_000;

/**
 * Deletes the entries of runs of which nothing is kept, or years of restarts would pile up. A run's ids follow those of
 * the run before, as its predictions do. Inside a transaction only.
 */
export function forgetContexts(sqlite: Sqlite): void {
  sqlite.exec(
    `DELETE FROM contexts WHERE id NOT IN (SELECT context FROM confusion) AND id < (
       SELECT min(kept.id) FROM contexts kept JOIN contexts oldest ON oldest.run = kept.run
       WHERE oldest.id = (SELECT context FROM predictions ORDER BY seq LIMIT 1))`,
  );
}

export class Contexts {
  readonly run: string;
  readonly #counters: Pick<Counters, 'add'>;
  readonly #insert: Statement<Words, Row>;
  readonly #seal: Statement<[sum: number, id: number]>;
  readonly #all: Statement<[], StoredRow>;
  readonly #byId = new Map<number, Context>();
  #known = new ContextMap<Context>();
  readonly #countOfRun = new Map<string, number>();

  constructor(sqlite: Sqlite, run: string, counters: Pick<Counters, 'add'>) {
    this.run = run;
    this.#counters = counters;
    this.#insert = sqlite
      .prepare<Words, Row>(
        `INSERT INTO contexts (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id, ${COLUMNS}`,
      )
      .raw();
    this.#seal = sqlite.prepare('UPDATE contexts SET check_sum = ? WHERE id = ?');
    this.#all = sqlite.prepare<[], StoredRow>('SELECT * FROM contexts').raw();
    this.reload();
  }

  /** Reads the table again: after a rollback, entries made in its transaction are gone. */
  reload(): void {
    this.#byId.clear();
    this.#known = new ContextMap();
    this.#countOfRun.clear();
    for (const row of this.#all.all()) this.#keep(row);
  }

  /** The context, made if need be. Inside a transaction only. */
  of(wanted: PredictionContext): Context {
    return this.#known.get(wanted) ?? this.#meet(wanted);
  }

  /** The context of predictions like those of `context` of which this share was kept. Inside a transaction only. */
  withShare(context: Context, keptShare: number): Context {
    return keptShare === context.keptShare ? context : this.of({ ...context, keptShare });
  }

  #meet(wanted: PredictionContext): Context {
    const { run, slot, model, role, tags, propensity, explored, keptShare } = wanted;
    if ((this.#countOfRun.get(run) ?? 0) >= MOST_OF_A_RUN && tags !== NO_TAGS) {
      this.#counters.add('store.tags-not-kept');
      return this.of({ ...wanted, tags: NO_TAGS });
    }
    const row = this.#insert.get(
      ...([run, slot, model, ROLES.indexOf(role)] as const),
      ...([tagsText(tags), propensity, explored ? 1 : 0, keptShare] as const),
    ) as Row;
    this.#seal.run(rowSum(row), row[0]);
    return this.#keep(row);
  }

  has(id: number): boolean {
    return this.#byId.has(id);
  }

  byId(id: number): Context {
    const context = this.#byId.get(id);
    if (!context) throw new RangeError(`no context ${id}`);
    return context;
  }

  /** The whole table, as a salvage would put it back. */
  rows(): (string | number)[][] {
    return this.#all.all();
  }

  /** All runs' contexts of one model in one slot. */
  ofModel(slot: string, model: string): Context[] {
    return [...this.#byId.values()].filter((context) => context.slot === slot && context.model === model);
  }

  #keep([id, run, slot, model, role, tags, propensity, explored, keptShare]: Row | StoredRow): Context {
    const context: Context = {
      id,
      run,
      slot,
      model,
      role: ROLES[role] as Role,
      tags: tags === '{}' ? NO_TAGS : Object.freeze(JSON.parse(tags)),
      propensity,
      explored: explored === 1,
      keptShare,
    };
    this.#byId.set(id, context);
    this.#known.set(context, context);
    this.#countOfRun.set(run, (this.#countOfRun.get(run) ?? 0) + 1);
    return context;
  }
}
