/** How far each stream of each device database is committed here. Moves only inside the transaction that stores the records. */
import type { Birth } from '../../protocol/messages.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';

export interface Cursor {
  /** 0 before the first record. */
  readonly committedSeq: number;
  /** Records at or before `committedSeq` that the device dropped and said so. */
  readonly dropped: number;
}

const START: Cursor = { committedSeq: 0, dropped: 0 };

export class StreamCursors {
  readonly #epochId: Statement<[string, string], { id: number }>;
  readonly #insertEpoch: Statement<[string, string]>;
  readonly #of: Statement<[number, Stream], Cursor>;
  readonly #ofEpoch: Statement<[string, string], Cursor & { stream: Stream }>;
  readonly #move: Statement<[number, Stream, number, number]>;
  readonly #ids = new Map<string, number>();

  constructor(sqlite: Sqlite) {
    this.#epochId = sqlite.prepare('SELECT id FROM epochs WHERE device = ? AND epoch = ?');
    this.#insertEpoch = sqlite.prepare('INSERT INTO epochs (device, epoch) VALUES (?, ?)');
    this.#of = sqlite.prepare(
      'SELECT committed_seq AS committedSeq, dropped FROM cursors WHERE epoch_id = ? AND stream = ?',
    );
    this.#ofEpoch = sqlite.prepare(
      `SELECT stream, committed_seq AS committedSeq, dropped FROM cursors
       JOIN epochs ON epochs.id = epoch_id WHERE device = ? AND epoch = ?`,
    );
    this.#move = sqlite.prepare(
      'INSERT OR REPLACE INTO cursors (epoch_id, stream, committed_seq, dropped) VALUES (?, ?, ?, ?)',
    );
  }

  /** The short id of a device database; given out at first sight. */
  epochId(device: string, epoch: string): number {
    const id = this.#knownId(device, epoch) ?? Number(this.#insertEpoch.run(device, epoch).lastInsertRowid);
    this.#ids.set(keyOf(device, epoch), id);
    return id;
  }

  /** Where a stream stands, also that of a device database never seen before. */
  at(device: string, epoch: string, stream: Stream): Cursor {
    const id = this.#knownId(device, epoch);
    return (id === undefined ? undefined : this.#of.get(id, stream)) ?? START;
  }

  move(epochId: number, stream: Stream, cursor: Cursor): void {
    this.#move.run(epochId, stream, cursor.committedSeq, cursor.dropped);
  }

  /**
   * A restored or salvaged database goes on with records of the ones before it: what came of those counts as come of it too.
   * @param inherited newest first, as in a birth
   */
  inherit(device: string, epoch: string, inherited: NonNullable<Birth['inherits']>): void {
    const epochId = this.epochId(device, epoch);
    for (const stream of STREAMS) {
      const cursor = this.at(device, epoch, stream);
      const come = inherited.reduceRight(
        (seq, { storeEpoch, heads }) =>
          Math.min(heads[stream], Math.max(seq, this.ofEpoch(device, storeEpoch)[stream].committedSeq)),
        0,
      );
      if (come > cursor.committedSeq) this.move(epochId, stream, { ...cursor, committedSeq: come });
    }
  }

  /** All streams of one device database, for views. */
  ofEpoch(device: string, epoch: string): Record<Stream, Cursor> {
    const rows = this.#ofEpoch.all(device, epoch);
    const of = (stream: Stream) => rows.find((row) => row.stream === stream) ?? START;
    return Object.fromEntries(STREAMS.map((stream) => [stream, of(stream)])) as Record<Stream, Cursor>;
  }

  forgetIds(): void {
    this.#ids.clear();
  }

  #knownId(device: string, epoch: string): number | undefined {
    return this.#ids.get(keyOf(device, epoch)) ?? this.#epochId.get(device, epoch)?.id;
  }
}

function keyOf(device: string, epoch: string): string {
  return `${device} ${epoch}`;
}
