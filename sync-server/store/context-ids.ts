/** Short ids for what is equal for very many predictions: run, slot, model, role. */
import type { Prediction } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';

type Context = Pick<Prediction, 'run' | 'slot' | 'model' | 'role'>;
type Params = [run: string, slot: string, model: string, role: string];

const KNOWN_AT_MOST = 10_000;

export class ContextIds {
  readonly #find: Statement<Params, { id: number }>;
  readonly #insert: Statement<Params>;
  readonly #known = new Map<string, number>();
  /** The last two asked for: champion and shadow take turns, and comparing is much cheaper than making a key. */
  #last: readonly { readonly context: Context; readonly id: number }[] = [];

  constructor(sqlite: Sqlite) {
    this.#find = sqlite.prepare(
      'SELECT id FROM contexts WHERE run = ? AND slot = ? AND model = ? AND role = ?',
    );
    this.#insert = sqlite.prepare('INSERT INTO contexts (run, slot, model, role) VALUES (?, ?, ?, ?)');
  }

  /** Given out at first sight: call inside a transaction. */
  idOf(context: Context): number {
    for (const last of this.#last) if (isSame(last.context, context)) return last.id;
    const { run, slot, model, role } = context;
    const key = `${run} ${model} ${role} ${slot}`;
    const id = this.#known.get(key) ?? this.#load(run, slot, model, role);
    // Every start of every agent is a new run: over years too many to keep all.
    if (this.#known.size >= KNOWN_AT_MOST) this.#known.clear();
    this.#known.set(key, id);
    this.#last = [{ context, id }, ...this.#last.slice(0, 1)];
    return id;
  }

  /** After a transaction failed: ids given out in it are gone. */
  forget(): void {
    this.#known.clear();
    this.#last = [];
  }

  #load(...params: Params): number {
    return this.#find.get(...params)?.id ?? Number(this.#insert.run(...params).lastInsertRowid);
  }
}

function isSame(a: Context, b: Context): boolean {
  return a.role === b.role && a.model === b.model && a.run === b.run && a.slot === b.slot;
}
