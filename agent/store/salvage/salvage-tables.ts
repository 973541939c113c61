/** Copies what can be read of a damaged database into a new one of the same version, table by table. */
import { STREAMS, type Stream } from '../../../protocol/records.ts';
import type { Sqlite } from '../database.ts';
import { type RowValue, rowSum } from '../row-sum.ts';
import { hasSums, soundSql } from '../sound-rows.ts';
import { isCorrupt } from '../store-error.ts';
import { type KeyRange, takeReadable } from './key-ranges.ts';
import type { SalvageGuide } from './salvage-guide.ts';

/** Rows with a key of their own. A row whose values are not what they were is left behind; without a checksum, what cannot be. */
const KEYED: readonly { table: string; key: 'seq' | 'id'; plausible: string }[] = [
  { table: 'contexts', key: 'id', plausible: "typeof(run) = 'text' AND role BETWEEN 0 AND 2" },
  {
    table: 'predictions',
    key: 'seq',
    plausible: `typeof(time_ms) = 'integer' AND context IN (SELECT id FROM main.contexts) AND typeof(label) = 'integer'
      AND typeof(score) = 'real' AND typeof(latency_us) = 'integer' AND typeof(health) = 'integer'
      AND pair_distance IN (0, 1) AND (correlation_id IS NULL OR typeof(correlation_id) = 'text')
      AND (features IS NULL OR typeof(features) = 'blob')`,
  },
  {
    table: 'feedback',
    key: 'seq',
    plausible: `typeof(time_ms) = 'integer' AND typeof(prediction_seq) = 'integer' AND typeof(slot) = 'text'
      AND explicit IN (0, 1) AND typeof(label) = 'integer' AND typeof(weight) IN ('real', 'integer')
      AND typeof(rule) = 'text' AND typeof(evidence) = 'text'`,
  },
  {
    table: 'metrics',
    key: 'seq',
    plausible:
      "typeof(time_ms) = 'integer' AND typeof(name) = 'text' AND typeof(value) IN ('real', 'integer')",
  },
  {
    table: 'events',
    key: 'seq',
    plausible: `typeof(time_ms) = 'integer' AND typeof(kind) = 'text' AND typeof(severity) = 'text'
      AND typeof(message) = 'text' AND json_valid(data)`,
  },
  { table: 'line_events', key: 'id', plausible: "typeof(received_ms) = 'integer' AND typeof(kind) = 'text'" },
];

/** Small tables without such a key: walked from both ends as far as each goes. */
const WALKED: readonly { table: string; order: string }[] = [
  { table: 'streams', order: 'stream' },
  { table: 'positions', order: 'slot, source' },
  { table: 'states', order: 'key' },
  { table: 'confusion', order: 'context' },
  { table: 'meta', order: 'key' },
];

export interface Copied {
  readonly kept: Readonly<Record<Stream, number>>;
  /** Seqs that could not be read, or hold what cannot be. */
  readonly lost: Readonly<Record<Stream, readonly KeyRange[]>>;
}

/**
 * Cursors, states and counts.
 * @param sqlite the new database, empty, with the damaged one attached as `damaged`
 */
export function copySmallTables(sqlite: Sqlite, { positions }: Pick<SalvageGuide, 'positions'>): void {
  for (const { table, order } of WALKED) copyFromBothEnds(sqlite, table, order);
  fillIn(sqlite, 'positions', positions);
}

/**
 * Then everything else.
 * @param known what is known without the damaged database
 */
export function copyTables(
  sqlite: Sqlite,
  { heads, contexts }: Pick<SalvageGuide, 'heads' | 'contexts'>,
): Copied {
  const lost = {} as Record<Stream, readonly KeyRange[]>;
  for (const { table, key, plausible } of KEYED) {
    const stream = STREAMS.find((each) => each === table);
    const head = stream ? heads[stream] : 0;
    const ranges = isKnown(sqlite, table)
      ? copyKeyed(sqlite, { table, key, plausible }, head)
      : [{ from: 1, to: head }];
    if (stream) lost[stream] = ranges;
    // Before the predictions, which are nothing without them.
    if (table === 'contexts') fillIn(sqlite, table, contexts);
  }
  const count = (stream: Stream) =>
    sqlite.prepare<[], number>(`SELECT count(*) FROM main.${stream}`).pluck().get() ?? 0;
  return { kept: Object.fromEntries(STREAMS.map((s) => [s, count(s)])) as Record<Stream, number>, lost };
}

function copyKeyed(
  sqlite: Sqlite,
  { table, key, plausible }: (typeof KEYED)[number],
  head: number,
): readonly KeyRange[] {
  const number = (sql: string) => {
    const statement = sqlite.prepare<[number], number>(sql).pluck();
    return (bound: number) => statement.get(bound);
  };
  const wanted = `${plausible} AND ${soundSql(sqlite, table)} IS NOT FALSE`;
  const copy = sqlite.prepare<[number, number]>(
    `INSERT OR IGNORE INTO main.${table} SELECT * FROM damaged.${table} WHERE ${key} BETWEEN ? AND ? AND ${wanted}`,
  );
  const has = sqlite
    .prepare<[number, number], number>(`SELECT count(*) FROM damaged.${table} WHERE ${key} BETWEEN ? AND ?`)
    .pluck();
  const first = number(`SELECT ${key} FROM damaged.${table} WHERE ${key} >= ? ORDER BY ${key} LIMIT 1`);
  const behind = sqlite
    .prepare<[number, number], number>(
      `SELECT ${key} FROM damaged.${table} WHERE ${key} >= ? ORDER BY ${key} LIMIT 1 OFFSET ?`,
    )
    .pluck();
  const last = number(`SELECT ${key} FROM damaged.${table} WHERE ${key} <= ? ORDER BY ${key} DESC LIMIT 1`);
  const endsAstray = (from: number, to: number, count: number): boolean => {
    try {
      const end = behind.get(from, count);
      return end !== first(to + 1) || (end !== undefined && end > (last(Number.MAX_SAFE_INTEGER) ?? 0));
    } catch {
      return false;
    }
  };
  const implausible: KeyRange[] = [];
  let isAstray = false;
  const unreadable = takeReadable(
    {
      first,
      last,
      take: (from, to) => {
        const { changes } = copy.run(from, to);
        if (changes > to - from) return;
        const there = has.get(from, to) ?? 0;
        isAstray ||= endsAstray(from, to, there);
        if (changes === there) return;
        implausible.push(...missingOf(sqlite, table, key, from, to));
      },
      isUnreadable: isCorrupt,
    },
    head,
  );
  if (isAstray) copyHidden(sqlite, table, key, wanted);
  return [...unreadable, ...implausible];
}

/** A row whose number is too high hides those behind it from every search; a walk that searches nothing comes to them. */
function copyHidden(sqlite: Sqlite, table: string, key: string, wanted: string): void {
  try {
    sqlite.exec(
      `INSERT OR IGNORE INTO main.${table} SELECT * FROM damaged.${table} was
       WHERE NOT EXISTS (SELECT 1 FROM main.${table} saved WHERE saved.${key} = was.${key}) AND ${wanted}`,
    );
  } catch (cause) {
    if (!isCorrupt(cause)) throw cause;
  }
}

/** False where the damaged schema has lost the table. */
function isKnown(sqlite: Sqlite, table: string): boolean {
  try {
    return sqlite.prepare(`SELECT 1 FROM damaged.${table} LIMIT 0`).all().length === 0;
  } catch {
    return false;
  }
}

/** Keys of a range that the damaged table has and the new one has not. */
function missingOf(sqlite: Sqlite, table: string, key: string, from: number, to: number): KeyRange[] {
  return sqlite
    .prepare<[number, number], number>(
      `SELECT ${key} FROM damaged.${table} WHERE ${key} BETWEEN ? AND ?
       EXCEPT SELECT ${key} FROM main.${table}`,
    )
    .pluck()
    .all(from, to)
    .map((lost) => ({ from: lost, to: lost }));
}

function copyFromBothEnds(sqlite: Sqlite, table: string, order: string): void {
  const descending = order.replace(/\w+/g, '$& DESC');
  for (const direction of [order, descending]) {
    try {
      const rows = sqlite
        .prepare<[], unknown[]>(
          `SELECT * FROM damaged.${table} WHERE ${soundSql(sqlite, table)} IS NOT FALSE ORDER BY ${direction}`,
        )
        .raw();
      // Read first: a row may not be written while another statement is being read.
      const read: unknown[][] = [];
      try {
        for (const row of rows.iterate()) read.push(row);
      } finally {
        for (const row of read) insertRow(sqlite, 'REPLACE', table, row);
      }
      return;
    } catch {
      // As far as it went; then from the other end.
    }
  }
}

/** What the damaged database has lost of a table. */
function fillIn(sqlite: Sqlite, table: string, known: readonly (readonly RowValue[])[]): void {
  const summed = hasSums(sqlite, table);
  for (const row of known) {
    if (!summed || row.at(-1) === rowSum(row, 0, row.length - 1)) insertRow(sqlite, 'IGNORE', table, row);
  }
}

function insertRow(
  sqlite: Sqlite,
  otherwise: 'IGNORE' | 'REPLACE',
  table: string,
  row: readonly unknown[],
): void {
  const places = row.map(() => '?').join(', ');
  sqlite.prepare(`INSERT OR ${otherwise} INTO main.${table} VALUES (${places})`).run(...row);
}
