/** Where each stream stands: the last seq written, durable, acknowledged; and how many retention had to drop. */
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';
import { rowSum } from './row-sum.ts';

interface Place {
  /** Last seq written, maybe in a transaction under way. */
  written: number;
  /** Last seq that is on the disk: nothing after it may leave the device, or a power cut could give it out twice. */
  durable: number;
  acked: number;
  /** Records up to here were sent under another epoch (see epoch.ts). */
  floor: number;
  dropped: number;
  /** Rows up to here may be without a checksum. */
  readonly uncheckedTo: number;
  /** Of those after what is settled, as many are not here: dropped, or lost. */
  missing: number;
}

type Row = [stream: Stream, acked: number, floor: number, dropped: number, uncheckedTo: number];

export class StreamHeads {
  readonly #places: Record<Stream, Place>;
  readonly #sqlite: Sqlite;
  readonly #save: Statement<[number, number, number, number, Stream]>;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
    this.#save = sqlite.prepare(
      'UPDATE streams SET acked = ?, floor = ?, dropped = ?, check_sum = ? WHERE stream = ?',
    );
    const rows = sqlite.prepare<[], Row>('SELECT * FROM streams').raw().all();
    const places = rows.map(([stream, acked, floor, dropped, uncheckedTo]) => {
      const head = this.#lastSeq(stream);
      return [stream, { written: head, durable: head, acked, floor, dropped, uncheckedTo, missing: 0 }];
    });
    this.#places = Object.fromEntries(places) as Record<Stream, Place>;
    for (const stream of STREAMS) {
      const place = this.#places[stream];
      if (place.dropped > 0) place.missing = this.#missingOf(stream, settledOf(place), place.written);
    }
  }

  of(stream: Stream): Readonly<Place> {
    return this.#places[stream];
  }

  /** The next seq of a stream. Inside a transaction only. */
  next(stream: Stream): number {
    this.#places[stream].written += 1;
    return this.#places[stream].written;
  }

  /** Reads the heads again after a rollback. Retention never takes the newest row, so the table knows its head. */
  reload(): void {
    for (const stream of STREAMS) this.#places[stream].written = this.#lastSeq(stream);
  }

  /** What is written now will be durable when the returned function is called. */
  mark(): () => void {
    const written = STREAMS.map((stream) => [stream, this.#places[stream].written] as const);
    return () => {
      for (const [stream, seq] of written) this.#places[stream].durable = seq;
    };
  }

  /** @returns false when the cursor did not move: an ack never goes back and never passes the head */
  ack(stream: Stream, seq: number): boolean {
    const place = this.#places[stream];
    const acked = Math.min(seq, place.durable);
    if (!(acked > place.acked)) return false;
    const before = settledOf(place);
    place.acked = acked;
    if (place.missing > 0) place.missing -= this.#missingOf(stream, before, settledOf(place));
    return true;
  }

  /** After the commit of the transaction that saved them. */
  addDropped(stream: Stream, count: number): void {
    this.#places[stream].dropped += count;
    this.#places[stream].missing += count;
  }

  /** Durable records that no server has acknowledged and that are still here. */
  waiting(stream: Stream): number {
    const place = this.#places[stream];
    return Math.max(0, place.durable - settledOf(place) - Math.max(0, place.missing));
  }

  droppedTotal(): number {
    return STREAMS.reduce((sum, stream) => sum + this.#places[stream].dropped, 0);
  }

  /** Inside a transaction only. @param newlyDropped what the same transaction drops */
  save(stream: Stream, newlyDropped = 0): void {
    const { acked, floor, dropped, uncheckedTo } = this.#places[stream];
    const row = [acked, floor, dropped + newlyDropped] as const;
    this.#save.run(...row, rowSum([stream, ...row, uncheckedTo]), stream);
  }

  #missingOf(stream: Stream, after: number, until: number): number {
    const rows = this.#sqlite
      .prepare<[number, number], number>(`SELECT count(*) FROM ${stream} WHERE seq > ? AND seq <= ?`)
      .pluck();
    return Math.max(0, until - after) - (rows.get(after, until) ?? 0);
  }

  /** After a salvage the last seqs may be known without their rows. */
  #lastSeq(stream: Stream): number {
    const head = this.#sqlite
      .prepare<[string], number>(
        `SELECT max(coalesce((SELECT max(seq) FROM ${stream}), 0),
           coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?), 0))`,
      )
      .pluck();
    return head.get(`head/${stream}`) ?? 0;
  }
}

function settledOf({ acked, floor }: Place): number {
  return Math.max(acked, floor);
}
