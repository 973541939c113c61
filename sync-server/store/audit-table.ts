/** What was changed through the admin API, and when. */
import type { Sqlite, Statement } from './database.ts';

export class AuditTable {
  readonly #insert: Statement<[number, string, string]>;

  constructor(sqlite: Sqlite) {
    this.#insert = sqlite.prepare('INSERT INTO audit (time_ms, action, subject) VALUES (?, ?, ?)');
  }

  /** @param action kebab-case, for example `model-published` */
  append(timeMs: number, action: string, subject: string): void {
    this.#insert.run(timeMs, action, subject);
  }
}
