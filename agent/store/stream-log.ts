/** The streams as the uploader reads them: by seq, only what is durable, with the gaps that retention left. */

import type { Counters } from '../../daemon/counters.ts';
import { type RecordOf, STREAMS, type Stream } from '../../protocol/records.ts';
import { agentError } from '../errors.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';
import { type FeedbackRow, feedbackOf } from './feedback-row.ts';
import type { PredictionRow } from './prediction-row.ts';
import { INPUT_HEALTH_BITS } from './prediction-writer.ts';
import type { RowValue } from './row-sum.ts';
import { soundRows } from './sound-rows.ts';
import type { StreamLog } from './store.ts';
import type { StreamHeads } from './stream-heads.ts';
import { UnprovenHeads } from './unproven-heads.ts';

type Range = [after: number, limit: number];
/** A row as SQLite gives it, its seq first. */
type Row = [seq: number, ...rest: RowValue[]];
type Statements = Readonly<Record<Stream, Statement<Range, Row>>>;
type Readers = { readonly [S in Stream]: (row: Row) => RecordOf[S] };
type Checks = Readonly<Record<Stream, (row: Row) => boolean>>;

const NO_RECORDS = { records: [], gapBefore: 0 };

export interface StreamLogDeps {
  readonly sqlite: Sqlite;
  readonly queue: CommitQueue;
  readonly heads: StreamHeads;
  readonly contexts: Contexts;
  readonly counters: Counters;
  /** The server has records of this stream up to this seq, and they are not here. */
  readonly onOvertaken: (stream: Stream, serverSeq: number) => void;
}

export class SqliteStreamLog implements StreamLog {
  readonly #queue: CommitQueue;
  readonly #heads: StreamHeads;
  readonly #read: Statements;
  readonly #readers: Readers;
  readonly #isSound: Checks;
  readonly #unsaved = new Set<Stream>();
  readonly #counters: Counters;
  readonly #unproven: UnprovenHeads;
  readonly #onOvertaken: StreamLogDeps['onOvertaken'];
  readonly #lostUpTo = new Map<Stream, number>();

  constructor({ sqlite, queue, heads, contexts, counters, onOvertaken }: StreamLogDeps) {
    this.#unproven = new UnprovenHeads(sqlite, queue);
    this.#onOvertaken = onOvertaken;
    this.#queue = queue;
    this.#heads = heads;
    this.#counters = counters;
    const range = (stream: Stream) =>
      sqlite.prepare<Range, Row>(`SELECT * FROM ${stream} WHERE seq > ? ORDER BY seq LIMIT ?`).raw();
    const each = <T>(make: (stream: Stream) => T) =>
      Object.fromEntries(STREAMS.map((stream) => [stream, make(stream)])) as Record<Stream, T>;
    this.#read = each(range);
    this.#isSound = each((stream) => soundRows(sqlite, stream));
    this.#readers = { ...readers, predictions: (row) => predictionOf(row as PredictionRow, contexts) };
  }

  read<S extends Stream>(
    stream: S,
    afterSeq: number,
    limit: number,
  ): { records: RecordOf[S][]; gapBefore: number } {
    const { floor } = this.#heads.of(stream);
    let place = Math.max(afterSeq, floor);
    for (;;) {
      const rows = this.#durable(stream, place, limit);
      const records = this.#readable(stream, rows);
      const first = records[0];
      if (first) return { records, gapBefore: first.seq - 1 - afterSeq };
      const last = rows.at(-1);
      if (!last) return NO_RECORDS;
      place = last[0];
    }
  }

  /** @throws CodedError STORE_CORRUPT when a row stands where others would be searched: they would never be found */
  #durable(stream: Stream, after: number, limit: number): Row[] {
    const { written, durable } = this.#heads.of(stream);
    const rows = this.#read[stream].all(after, limit);
    let before = after;
    for (const [seq] of rows) {
      if (seq <= before || seq > written)
        throw agentError('STORE_CORRUPT', `${stream} are out of order at ${seq}`);
      before = seq;
    }
    return before > durable ? rows.filter(([seq]) => seq <= durable) : rows;
  }

  /** A row whose values are not what was written is told as a gap, and counted. */
  #readable<S extends Stream>(stream: S, rows: readonly Row[]): RecordOf[S][] {
    const isSound = this.#isSound[stream];
    const read = this.#readers[stream];
    const records: RecordOf[S][] = [];
    for (const row of rows) {
      try {
        if (isSound(row)) records.push(read(row));
        else this.#lose(stream, row[0]);
      } catch {
        // From before there were checksums: values that cannot be.
        this.#lose(stream, row[0]);
      }
    }
    return records;
  }

  #lose(stream: Stream, seq: number): void {
    if (seq <= (this.#lostUpTo.get(stream) ?? 0)) return;
    this.#lostUpTo.set(stream, seq);
    this.#counters.add('STORE_ROW_UNREADABLE');
    this.#heads.addDropped(stream, 1);
  }

  head(stream: Stream): number {
    return this.#heads.of(stream).durable;
  }

  waiting(stream: Stream): number {
    return this.#heads.waiting(stream);
  }

  acked(stream: Stream): number {
    return this.#heads.of(stream).acked;
  }

  /** The cursor moves at once and is saved with the next commit: if a crash comes between, the server sees records twice and knows them. */
  ack(stream: Stream, seq: number): void {
    if (!this.#heads.ack(stream, seq) || this.#unsaved.has(stream)) return;
    this.#unsaved.add(stream);
    const save = () => {
      this.#unsaved.delete(stream);
      this.#heads.save(stream);
    };
    // A cursor that could not be saved is counted by the queue and saved with the next ack.
    this.#queue.add(1, save).catch(() => this.#unsaved.delete(stream));
  }

  unproven(stream: Stream): number | undefined {
    return this.#unproven.of(stream);
  }

  prove(stream: Stream): Promise<void> {
    return this.#unproven.prove(stream);
  }

  overtaken(stream: Stream, serverSeq: number): void {
    this.#onOvertaken(stream, serverSeq);
  }
}

/** Columns in the order of migrations.ts; a row was checked when it was written. */
const readers: Omit<Readers, 'predictions'> = {
  feedback: (row) => feedbackOf(row as FeedbackRow),
  metrics: (row) => {
    const [seq, timeMs, name, slot, value] = row as [number, number, string, string | null, number];
    return { seq, timeMs, name, slot, value };
  },
  events: (row) => {
    const [seq, timeMs, kind, severity, slot, message, data] = row as [
      ...[number, number, string, RecordOf['events']['severity'], string | null, string, string],
    ];
    return { seq, timeMs, kind, severity, slot, message, data: JSON.parse(data) };
  },
};

function predictionOf(row: PredictionRow, contexts: Contexts): RecordOf['predictions'] {
  const [seq, timeMs, contextId, correlationId, label, score, latencyUs, health, pairDistance, features] =
    row;
  const { run, slot, model, role, tags, propensity, explored, keptShare } = contexts.byId(contextId);
  return {
    seq,
    run,
    timeMs,
    slot,
    model,
    role,
    correlationId,
    label,
    score,
    latencyUs,
    health: health & INPUT_HEALTH_BITS,
    pairOf: pairDistance === 0 ? 0 : seq - pairDistance,
    features: features && floatsOf(features),
    tags,
    propensity,
    explored,
    keptShare,
  };
}

function floatsOf(bytes: Buffer): number[] {
  const count = bytes.length / 4;
  const values = new Array<number>(count);
  for (let i = 0; i < count; i++) values[i] = bytes.readFloatLE(i * 4);
  return values;
}
