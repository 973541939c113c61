/** The dictionary of (run, slot, model, role): a prediction row carries one small integer for the four. */
import { ROLES, type Role } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';

export interface Context {
  readonly id: number;
  readonly run: string;
  readonly slot: string;
  readonly model: string;
  readonly role: Role;
}

type Row = [id: number, run: string, slot: string, model: string, role: number];

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
  readonly #run: string;
  readonly #insert: Statement<[string, string, string, number], Row>;
  readonly #all: Statement<[], Row>;
  readonly #byId = new Map<number, Context>();
  /** Those of this run, by model: asked for with every row, so by a word that is there already. */
  readonly #own = new Map<string, Context[]>();

  constructor(sqlite: Sqlite, run: string) {
    this.#run = run;
    this.#insert = sqlite
      .prepare<[string, string, string, number], Row>(
        'INSERT INTO contexts (run, slot, model, role) VALUES (?, ?, ?, ?) RETURNING id, run, slot, model, role',
      )
      .raw();
    this.#all = sqlite.prepare<[], Row>('SELECT id, run, slot, model, role FROM contexts').raw();
    this.reload();
  }

  /** Reads the table again: after a rollback, entries made in its transaction are gone. */
  reload(): void {
    this.#byId.clear();
    this.#own.clear();
    for (const row of this.#all.all()) this.#keep(row);
  }

  /** The context of this run with these words, made if need be. Inside a transaction only. */
  of(slot: string, model: string, role: Role): Context {
    for (const known of this.#own.get(model) ?? []) {
      if (known.role === role && known.slot === slot) return known;
    }
    return this.#keep(this.#insert.get(this.#run, slot, model, ROLES.indexOf(role)) as Row);
  }

  byId(id: number): Context {
    const context = this.#byId.get(id);
    if (!context) throw new RangeError(`no context ${id}`);
    return context;
  }

  /** All runs' contexts of one model in one slot. */
  ofModel(slot: string, model: string): Context[] {
    return [...this.#byId.values()].filter((context) => context.slot === slot && context.model === model);
  }

  #keep([id, run, slot, model, role]: Row): Context {
    const context: Context = { id, run, slot, model, role: ROLES[role] as Role };
    this.#byId.set(id, context);
    if (run === this.#run) this.#own.set(model, [...(this.#own.get(model) ?? []), context]);
    return context;
  }
}
