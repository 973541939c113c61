/**
 * Which database of a device goes on from which. A restored or salvaged one has the records of the one before it under the
 * same numbers: up to there the two are one log. What they share lies, is counted and is labelled under the oldest that had
 * it, its home, whichever of them sent it.
 */
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';

/** Records up to and with `head` came from that database. */
export interface Origin {
  readonly epochId: number;
  readonly head: number;
}

export interface Home {
  readonly epochId: number;
  /** The last seq that lies there; Infinity for what a database shares with none. */
  readonly untilSeq: number;
}

export class EpochLineage {
  readonly #select: Statement<[number], Origin & { stream: Stream }>;
  readonly #insert: Statement<[number, Stream, number, number]>;
  readonly #selectHeirs: Statement<[number], number>;
  readonly #origins = new Map<number, ReadonlyMap<Stream, Origin>>();
  readonly #heirs = new Map<number, readonly number[]>();

  constructor(sqlite: Sqlite) {
    this.#select = sqlite.prepare(
      'SELECT stream, from_epoch_id AS epochId, head FROM epoch_origins WHERE epoch_id = ?',
    );
    this.#insert = sqlite.prepare('INSERT INTO epoch_origins VALUES (?, ?, ?, ?)');
    this.#selectHeirs = sqlite
      .prepare<[number], number>('SELECT DISTINCT epoch_id FROM epoch_origins WHERE from_epoch_id = ?')
      .pluck();
  }

  /** From where a database goes on; undefined for one that began empty. */
  originOf(epochId: number, stream: Stream): Origin | undefined {
    return this.#originsOf(epochId).get(stream);
  }

  /**
   * Said once of a database, and never changed: records lie by it. A circle is nobody's origin.
   * @param heads the last seq that the two share, a stream
   */
  link(epochId: number, fromEpochId: number, heads: Readonly<Record<Stream, number>>): void {
    if (this.#originsOf(epochId).size > 0 || this.#comesFrom(fromEpochId, epochId)) return;
    for (const stream of STREAMS) this.#insert.run(epochId, stream, fromEpochId, heads[stream]);
    this.#origins.delete(epochId);
    this.#heirs.delete(fromEpochId);
  }

  homeOf(epochId: number, stream: Stream, seq: number): Home {
    let home = epochId;
    let untilSeq = Number.POSITIVE_INFINITY;
    for (let origin = this.originOf(home, stream); origin; origin = this.originOf(home, stream)) {
      if (seq > origin.head) break;
      home = origin.epochId;
      untilSeq = Math.min(untilSeq, origin.head);
    }
    return { epochId: home, untilSeq };
  }

  /** Every database that has this record, its home first: each may have said something about it. */
  withRecord(homeId: number, stream: Stream, seq: number): number[] {
    const heirs = this.#heirsOf(homeId).filter((heir) => seq <= (this.originOf(heir, stream)?.head ?? 0));
    return [homeId, ...heirs.flatMap((heir) => this.withRecord(heir, stream, seq))];
  }

  forget(): void {
    this.#origins.clear();
    this.#heirs.clear();
  }

  #comesFrom(epochId: number, ancestorId: number): boolean {
    if (epochId === ancestorId) return true;
    const [stream] = STREAMS;
    const origin = this.originOf(epochId, stream);
    return origin !== undefined && this.#comesFrom(origin.epochId, ancestorId);
  }

  #originsOf(epochId: number): ReadonlyMap<Stream, Origin> {
    let origins = this.#origins.get(epochId);
    if (!origins) {
      origins = new Map(this.#select.all(epochId).map(({ stream, ...origin }) => [stream, origin]));
      this.#origins.set(epochId, origins);
    }
    return origins;
  }

  #heirsOf(epochId: number): readonly number[] {
    const heirs = this.#heirs.get(epochId) ?? this.#selectHeirs.all(epochId);
    this.#heirs.set(epochId, heirs);
    return heirs;
  }
}
