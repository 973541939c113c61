/** How far each stream of each device database is committed here. Moves only inside the transaction that stores the records. */
import type { Birth } from '../../protocol/messages.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';
import type { EpochLineage } from './epoch-lineage.ts';

export interface Cursor {
  /** 0 before the first record. */
  readonly committedSeq: number;
  /** Records at or before `committedSeq` that the device dropped and said so. */
  readonly dropped: number;
}

const START: Cursor = { committedSeq: 0, dropped: 0 };

export class StreamCursors {
  readonly #lineage: EpochLineage;
  readonly #epochId: Statement<[string, string], { id: number }>;
  readonly #insertEpoch: Statement<[string, string]>;
  readonly #of: Statement<[number, Stream], Cursor>;
  readonly #move: Statement<[number, Stream, number, number]>;
  readonly #ids = new Map<string, number>();

  constructor(sqlite: Sqlite, lineage: EpochLineage) {
    this.#lineage = lineage;
    this.#epochId = sqlite.prepare('SELECT id FROM epochs WHERE device = ? AND epoch = ?');
    this.#insertEpoch = sqlite.prepare('INSERT INTO epochs (device, epoch) VALUES (?, ?)');
    this.#of = sqlite.prepare(
      'SELECT committed_seq AS committedSeq, dropped FROM cursors WHERE epoch_id = ? AND stream = ?',
    );
    this.#move = sqlite.prepare(
      'INSERT OR REPLACE INTO cursors (epoch_id, stream, committed_seq, dropped) VALUES (?, ?, ?, ?)',
    );
  }

  /** The short id of a device database; given out at first sight. */
  epochId(device: string, epoch: string): number {
    const id = this.knownId(device, epoch) ?? Number(this.#insertEpoch.run(device, epoch).lastInsertRowid);
    this.#ids.set(keyOf(device, epoch), id);
    return id;
  }

  knownId(device: string, epoch: string): number | undefined {
    return this.#ids.get(keyOf(device, epoch)) ?? this.#epochId.get(device, epoch)?.id;
  }

  /** Where a stream stands, also that of a device database never seen before. What came of its origin has come of it too. */
  at(device: string, epoch: string, stream: Stream): Cursor {
    const id = this.knownId(device, epoch);
    return id === undefined ? START : this.#at(id, stream);
  }

  /**
   * The stream has come up to `lastSeq`, whatever of it is missing. Each part of that counts at its home.
   * @param take stores what there is of records after the first and up to the second seq under this epoch's id; returns how many
   */
  advance(
    epochId: number,
    stream: Stream,
    lastSeq: number,
    take: (homeId: number, afterSeq: number, untilSeq: number) => number,
  ): void {
    let { committedSeq } = this.#at(epochId, stream);
    while (committedSeq < lastSeq) {
      const home = this.#lineage.homeOf(epochId, stream, committedSeq + 1);
      const untilSeq = Math.min(home.untilSeq, lastSeq);
      const taken = take(home.epochId, committedSeq, untilSeq);
      const { dropped } = this.#own(home.epochId, stream);
      const moved = movedTo({ committedSeq, dropped }, untilSeq, taken);
      this.#move.run(home.epochId, stream, moved.committedSeq, moved.dropped);
      committedSeq = untilSeq;
    }
  }

  /**
   * A restored or salvaged database says from which it goes on. Each link is kept, also to one that has not spoken yet: what
   * it once sent may still be on its way.
   * @param inherited newest first, as in a birth
   */
  inherit(device: string, epoch: string, inherited: NonNullable<Birth['inherits']>): void {
    let heir = this.epochId(device, epoch);
    for (const { storeEpoch, heads } of inherited) {
      const origin = this.epochId(device, storeEpoch);
      this.#lineage.link(heir, origin, this.#sharedBy(heir, origin, heads));
      heir = origin;
    }
  }

  /** What an heir sent before its origin was known lies under its own name: it shares only what had come of the origin. */
  #sharedBy(heir: number, origin: number, heads: Record<Stream, number>): Record<Stream, number> {
    const entries = STREAMS.map((stream) => {
      const isLate = this.#own(heir, stream).committedSeq > 0;
      return [
        stream,
        isLate ? Math.min(heads[stream], this.#at(origin, stream).committedSeq) : heads[stream],
      ];
    });
    return Object.fromEntries(entries) as Record<Stream, number>;
  }

  /** All streams of one device database, for views. */
  ofEpoch(device: string, epoch: string): Record<Stream, Cursor> {
    const entries = STREAMS.map((stream) => [stream, this.at(device, epoch, stream)]);
    return Object.fromEntries(entries) as Record<Stream, Cursor>;
  }

  forgetIds(): void {
    this.#ids.clear();
    this.#lineage.forget();
  }

  #at(epochId: number, stream: Stream): Cursor {
    const own = this.#own(epochId, stream);
    const origin = this.#lineage.originOf(epochId, stream);
    if (!origin) return own;
    const before = this.#at(origin.epochId, stream);
    return {
      committedSeq: Math.max(own.committedSeq, Math.min(origin.head, before.committedSeq)),
      dropped: own.dropped + before.dropped,
    };
  }

  #own(epochId: number, stream: Stream): Cursor {
    return this.#of.get(epochId, stream) ?? START;
  }
}

/** Where a cursor stands once `taken` records up to and with `lastSeq` are here: the rest of them will never come. */
export function movedTo({ committedSeq, dropped }: Cursor, lastSeq: number, taken: number): Cursor {
  return { committedSeq: lastSeq, dropped: dropped + (lastSeq - committedSeq - taken) };
}

function keyOf(device: string, epoch: string): string {
  return `${device} ${epoch}`;
}
