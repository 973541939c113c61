/** Small durable state of other rooms: a key and a JSON value, on the disk before `set` returns. */
import type { Database, Statement } from './database.ts';
import type { StateTable } from './store.ts';

export class SqliteStateTable implements StateTable {
  readonly #database: Database;
  readonly #get: Statement<[string], string>;
  readonly #set: Statement<[string, string]>;
  readonly #delete: Statement<[string]>;
  readonly #keys: Statement<[string, string], string>;

  constructor(database: Database) {
    this.#database = database;
    const { sqlite } = database;
    this.#get = sqlite.prepare<[string], string>('SELECT value FROM states WHERE key = ?').pluck();
    this.#set = sqlite.prepare(
      'INSERT INTO states VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
    );
    this.#delete = sqlite.prepare('DELETE FROM states WHERE key = ?');
    this.#keys = sqlite
      .prepare<[string, string], string>(
        'SELECT key FROM states WHERE substr(key, 1, length(?)) = ? ORDER BY key',
      )
      .pluck();
  }

  get(key: string): unknown {
    const value = this.#get.get(key);
    return value === undefined ? undefined : JSON.parse(value);
  }

  /** @throws CodedError STORE_FULL, STORE_UNWRITABLE */
  set(key: string, value: unknown): void {
    this.#write(() => this.#set.run(key, JSON.stringify(value ?? null)));
  }

  /** @throws CodedError STORE_FULL, STORE_UNWRITABLE */
  delete(key: string): void {
    this.#write(() => this.#delete.run(key));
  }

  keys(prefix: string): string[] {
    return this.#keys.all(prefix, prefix);
  }

  #write(work: () => unknown): void {
    this.#database.transaction(work);
    this.#database.syncNow();
  }
}
