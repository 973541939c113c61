/** On which day of the server's clock records came, and the deletion of those that came long ago, a small slice at a time. */
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';

interface Due {
  epochId: number;
  stream: Stream;
  day: number;
  lastSeq: number;
}

interface Rows {
  readonly first: Statement<[number, number], number | null>;
  readonly remove: Statement<[number, number, number]>;
}

const MS_A_DAY = 86_400_000;
/** Counts are kept as long as records, by the time of what was counted. */
const COUNTS = [
  { table: 'prediction_counts', period: 'minute', ms: 60_000 },
  { table: 'outcomes_by_minute', period: 'minute', ms: 60_000 },
  { table: 'outcomes_by_hour', period: 'hour', ms: 3_600_000 },
] as const;

export class Arrivals {
  readonly #note: Statement<[{ epochId: number; stream: Stream; day: number; lastSeq: number }]>;
  readonly #due: Statement<[number], Due>;
  readonly #done: Statement<[number, Stream, number]>;
  readonly #removeCounts: readonly { ms: number; remove: Statement<[number, number]> }[];
  /** The tables that go with a stream. */
  readonly #rows: Readonly<Record<Stream, readonly Rows[]>>;

  constructor(sqlite: Sqlite) {
    // The day never goes back, also when the server's clock does: a record is rather kept for longer.
    this.#note = sqlite.prepare(
      `INSERT INTO arrivals (epoch_id, stream, day, last_seq)
       SELECT @epochId, @stream, max(@day, coalesce(max(day), 0)), @lastSeq
       FROM arrivals WHERE epoch_id = @epochId AND stream = @stream
       ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq`,
    );
    this.#due = sqlite.prepare(
      `SELECT epoch_id AS epochId, stream, day, last_seq AS lastSeq FROM arrivals WHERE day < ? ORDER BY day LIMIT 1`,
    );
    this.#done = sqlite.prepare('DELETE FROM arrivals WHERE epoch_id = ? AND stream = ? AND day = ?');
    this.#removeCounts = COUNTS.map(({ table, period, ms }) => ({
      ms,
      remove: sqlite.prepare(
        `DELETE FROM ${table} WHERE (context_id, ${period}) IN
           (SELECT context_id, ${period} FROM ${table} WHERE ${period} < ? ORDER BY ${period} LIMIT ?)`,
      ),
    }));
    const rows = (table: string, seq: string): Rows => ({
      first: sqlite
        .prepare<[number, number], number | null>(
          `SELECT min(${seq}) FROM ${table} WHERE epoch_id = ? AND ${seq} <= ?`,
        )
        .pluck(),
      remove: sqlite.prepare(`DELETE FROM ${table} WHERE epoch_id = ? AND ${seq} BETWEEN ? AND ?`),
    });
    const tables = (stream: Stream) => [
      rows(stream, 'seq'),
      ...(stream === 'predictions' ? [rows('labels', 'prediction_seq')] : []),
    ];
    this.#rows = Object.fromEntries(STREAMS.map((stream) => [stream, tables(stream)])) as Record<
      Stream,
      Rows[]
    >;
  }

  /** The stream has come up to `lastSeq`. Call inside the transaction that stores the records. */
  note(epochId: number, stream: Stream, lastSeq: number, timeMs: number): void {
    this.#note.run({ epochId, stream, day: dayOf(timeMs), lastSeq });
  }

  /**
   * Deletes at most about `limit` records that came on a day before that of `beforeMs`; cursors stay, so none is ever
   * taken a second time. Call inside a transaction.
   * @returns how many rows it deleted; 0 when nothing old is left
   */
  deleteSome(beforeMs: number, limit: number): number {
    for (let due = this.#oldest(beforeMs); due; due = this.#oldest(beforeMs)) {
      const { epochId, stream, day, lastSeq } = due;
      for (const { first, remove } of this.#rows[stream]) {
        const from = first.get(epochId, lastSeq) ?? undefined;
        if (from !== undefined) {
          return remove.run(epochId, from, Math.min(from + limit - 1, lastSeq)).changes;
        }
      }
      this.#done.run(epochId, stream, day);
    }
    for (const { remove, ms } of this.#removeCounts) {
      const { changes } = remove.run(Math.floor(beforeMs / ms), limit);
      if (changes > 0) return changes;
    }
    return 0;
  }

  #oldest(beforeMs: number): Due | undefined {
    return this.#due.get(dayOf(beforeMs));
  }
}

function dayOf(timeMs: number): number {
  return Math.floor(timeMs / MS_A_DAY);
}
