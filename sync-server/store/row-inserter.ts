/** Inserts many rows of one table: a call into SQLite costs about as much as binding four values, so rows share calls. */
import type { Sqlite, Statement } from './database.ts';

export type SqlValue = string | number | Buffer | null;

const ROWS_A_CALL = 8;

export class RowInserter {
  readonly #columns: number;
  readonly #insertOne: Statement<SqlValue[]>;
  readonly #insertMany: Statement<SqlValue[]>;
  /** Rows of the next call, column by column within a row. */
  readonly #values: SqlValue[];

  /** @param columns how many the table has */
  constructor(sqlite: Sqlite, table: string, columns: number) {
    const row = `(${new Array(columns).fill('?').join(', ')})`;
    this.#columns = columns;
    this.#insertOne = sqlite.prepare(`INSERT INTO ${table} VALUES ${row}`);
    this.#insertMany = sqlite.prepare(
      `INSERT INTO ${table} VALUES ${new Array(ROWS_A_CALL).fill(row).join(', ')}`,
    );
    this.#values = new Array<SqlValue>(columns * ROWS_A_CALL).fill(null);
  }

  /** Inserts all of `records`, in their order. Inside a transaction only. @param fill writes one row into `values` from `at` on */
  insert<R>(records: readonly R[], fill: (record: R, values: SqlValue[], at: number) => void): void {
    const columns = this.#columns;
    let filled = 0;
    for (const record of records) {
      fill(record, this.#values, filled * columns);
      filled += 1;
      if (filled < ROWS_A_CALL) continue;
      filled = 0;
      // As arguments: the binding takes twice as long to read an array.
      this.#insertMany.run(...this.#values);
    }
    for (let at = 0; at < filled * columns; at += columns) {
      this.#insertOne.run(...this.#values.slice(at, at + columns));
    }
  }
}
