/** The dictionary of prediction contexts: a prediction row carries one small integer for who spoke and under which circumstances. */
import { ContextMap, type PredictionContext } from '../../protocol/prediction-context.ts';
import { ROLES, type Role } from '../../protocol/records.ts';
import { NO_TAGS, tagsText } from '../../protocol/tags.ts';
import type { Counters } from '../counters.ts';
import type { Sqlite, Statement } from './database.ts';

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
];
type Row = [id: number, ...Words];

const COLUMNS = 'run, slot, model, role, tags, propensity, explored';
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
  readonly #all: Statement<[], Row>;
  readonly #whole: Statement<[], (string | number)[]>;
  readonly #byId = new Map<number, Context>();
  /** Those of this run. */
  #own = new ContextMap<Context>();

  constructor(sqlite: Sqlite, run: string, counters: Pick<Counters, 'add'>) {
    this.run = run;
    this.#counters = counters;
    this.#insert = sqlite
      .prepare<Words, Row>(
        `INSERT INTO contexts (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id, ${COLUMNS}`,
      )
      .raw();
    this.#all = sqlite.prepare<[], Row>(`SELECT id, ${COLUMNS} FROM contexts`).raw();
    this.#whole = sqlite.prepare<[], (string | number)[]>('SELECT * FROM contexts').raw();
    this.reload();
  }

  /** Reads the table again: after a rollback, entries made in its transaction are gone. */
  reload(): void {
    this.#byId.clear();
    this.#own = new ContextMap();
    for (const row of this.#all.all()) {
      const context = this.#keep(row);
      if (context.run === this.run) this.#own.set(context, context);
    }
  }

  /** The context of this run (`wanted.run` is `run`), made if need be. Inside a transaction only. */
  of(wanted: PredictionContext): Context {
    return this.#own.get(wanted) ?? this.#meet(wanted);
  }

  #meet(wanted: PredictionContext): Context {
    const { run, slot, model, role, tags, propensity, explored } = wanted;
    if (this.#own.size >= MOST_OF_A_RUN && tags !== NO_TAGS) {
      this.#counters.add('store.tags-not-kept');
      return this.of({ ...wanted, tags: NO_TAGS });
    }
    const row = this.#insert.get(
      ...([run, slot, model, ROLES.indexOf(role)] as const),
      ...([tagsText(tags), propensity, explored ? 1 : 0] as const),
    );
    const made = this.#keep(row as Row);
    this.#own.set(wanted, made);
    return made;
  }

  byId(id: number): Context {
    const context = this.#byId.get(id);
    if (!context) throw new RangeError(`no context ${id}`);
    return context;
  }

  /** The whole table, as a salvage would put it back. */
  rows(): (string | number)[][] {
    return this.#whole.all();
  }

  /** All runs' contexts of one model in one slot. */
  ofModel(slot: string, model: string): Context[] {
    return [...this.#byId.values()].filter((context) => context.slot === slot && context.model === model);
  }

  #keep([id, run, slot, model, role, tags, propensity, explored]: Row): Context {
    const context: Context = {
      id,
      run,
      slot,
      model,
      role: ROLES[role] as Role,
      tags: tags === '{}' ? NO_TAGS : Object.freeze(JSON.parse(tags)),
      propensity,
      explored: explored === 1,
    };
    this.#byId.set(id, context);
    return context;
  }
}
