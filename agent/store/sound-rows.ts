/**
 * Which rows hold what was written, by the checksum in their last column. A row of a stream that does not is left out
 * wherever it would be read; in the small tables, on which all others rest, it is damage.
 */
import type { Stream } from '../../protocol/records.ts';
import { agentError } from '../errors.ts';
import type { Sqlite } from './database.ts';
import { type RowValue, rowSum } from './row-sum.ts';

/** Read when a store is opened, and not seen again while it runs. */
const SMALL_TABLES = ['contexts', 'streams', 'positions', 'meta'] as const;
type Table = Stream | (typeof SMALL_TABLES)[number];

/**
 * @returns true for a row, its columns in the order of migrations.ts and any others behind them, that holds what was
 * written; or that is from before there were checksums
 */
export function soundRows(sqlite: Sqlite, stream: Stream): (row: readonly RowValue[]) => boolean {
  const sumAt = columnsOf(sqlite, stream).length;
  const uncheckedTo = sqlite
    .prepare<[Stream], number>('SELECT unchecked_to FROM streams WHERE stream = ?')
    .pluck()
    .get(stream);
  return (row) => {
    const sum = row[sumAt];
    if (sum === null) return (row[0] as number) <= (uncheckedTo ?? 0);
    return sum === rowSum(row, 0, sumAt);
  };
}

/** @throws CodedError STORE_CORRUPT */
export function refuseUnsound(sqlite: Sqlite): void {
  for (const table of SMALL_TABLES) {
    const unsound = sqlite.prepare(`SELECT 1 FROM ${table} WHERE ${soundSql(sqlite, table)} IS NOT TRUE`);
    if (unsound.get()) throw agentError('STORE_CORRUPT', `a row of ${table} does not hold what was written`);
  }
  // The index has all their words, and SQLite reads them there.
  const verdict = sqlite.pragma('integrity_check(contexts)', { simple: true });
  if (verdict !== 'ok') throw agentError('STORE_CORRUPT', `contexts are damaged: ${String(verdict)}`);
}

/** Gives every row of a small table the checksum of what it holds now: after a change by SQL. Inside a transaction only. */
export function seal(sqlite: Sqlite, table: Table): void {
  sqlite.exec(`UPDATE main.${table} SET check_sum = row_sum(${columnsOf(sqlite, table)})`);
}

/** As SQL; null, which is neither, for a row without a checksum, or of a table that has none. */
export function soundSql(sqlite: Sqlite, table: string): string {
  return hasSums(sqlite, table) ? `(check_sum = row_sum(${columnsOf(sqlite, table)}))` : 'NULL';
}

/** As SQL: true for the rows that `soundRows` takes. */
export function takenSql(sqlite: Sqlite, stream: Stream): string {
  const unchecked = `seq <= (SELECT unchecked_to FROM streams WHERE stream = '${stream}')`;
  return `coalesce(${soundSql(sqlite, stream)}, ${unchecked})`;
}

/** False for a table of a version that had no checksums. */
export function hasSums(sqlite: Sqlite, table: string): boolean {
  return namesOf(sqlite, table).includes('check_sum');
}

/** Without the checksum. */
function columnsOf(sqlite: Sqlite, table: string): string[] {
  return namesOf(sqlite, table).filter((name) => name !== 'check_sum');
}

function namesOf(sqlite: Sqlite, table: string): string[] {
  return sqlite.prepare<[string], string>("SELECT name FROM pragma_table_info(?, 'main')").pluck().all(table);
}
