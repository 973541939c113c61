/** Short ids for what is equal for very many predictions: who spoke, under which circumstances. */
import { contextKey, type PredictionContext } from '../../protocol/prediction-context.ts';
import { tagsText } from '../../protocol/tags.ts';
import type { Sqlite, Statement } from './database.ts';

type Params = [
  run: string,
  slot: string,
  model: string,
  role: string,
  tags: string,
  propensity: number,
  explored: number,
  keptShare: number,
];

const KNOWN_AT_MOST = 10_000;

export class ContextIds {
  readonly #find: Statement<Params, { id: number }>;
  readonly #insert: Statement<Params>;
  readonly #known = new Map<string, number>();

  constructor(sqlite: Sqlite) {
    this.#find = sqlite.prepare(
      `SELECT id FROM contexts WHERE run = ? AND slot = ? AND model = ? AND role = ?
         AND tags = ? AND propensity = ? AND explored = ? AND kept_share = ?`,
    );
    this.#insert = sqlite.prepare(
      `INSERT INTO contexts (run, slot, model, role, tags, propensity, explored, kept_share)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  /** Given out at first sight: call inside a transaction. */
  idOf(context: PredictionContext): number {
    const key = contextKey(context);
    const id = this.#known.get(key) ?? this.#load(context);
    // Every start of every agent is a new run: over years too many to keep all.
    if (this.#known.size >= KNOWN_AT_MOST) this.#known.clear();
    this.#known.set(key, id);
    return id;
  }

  /** After a transaction failed: ids given out in it are gone. */
  forget(): void {
    this.#known.clear();
  }

  #load({ run, slot, model, role, tags, propensity, explored, keptShare }: PredictionContext): number {
    const params: Params = [run, slot, model, role, tagsText(tags), propensity, explored ? 1 : 0, keptShare];
    return this.#find.get(...params)?.id ?? Number(this.#insert.run(...params).lastInsertRowid);
  }
}
