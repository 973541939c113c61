/** Line events as the feedback rules read them: in the order they came in, or by what they are about. */
import type { LineEvent } from '../sources/source.ts';
import type { Sqlite, Statement } from './database.ts';

type Row = [
  id: number,
  receivedMs: number,
  timeMs: number,
  kind: string,
  correlationId: string | null,
  station: string | null,
  durationMs: number | null,
  predictionSeq: number | null,
];

type Query = [about: string, kind: string, fromMs: number, toMs: number];

const ALWAYS = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

export class LineEventLog {
  readonly #ofPart: Statement<Query, number>;
  readonly #atStation: Statement<Query, number>;
  readonly #after: Statement<[number, number], Row>;

  constructor(sqlite: Sqlite) {
    this.#ofPart = sqlite
      .prepare<Query, number>(
        'SELECT 1 FROM line_events WHERE correlation_id = ? AND kind = ? AND time_ms BETWEEN ? AND ? LIMIT 1',
      )
      .pluck();
    this.#atStation = sqlite
      .prepare<Query, number>(
        `SELECT 1 FROM line_events WHERE correlation_id IS NULL AND station = ? AND kind = ?
           AND time_ms BETWEEN ? AND ? LIMIT 1`,
      )
      .pluck();
    this.#after = sqlite
      .prepare<[number, number], Row>(
        `SELECT id, received_ms, time_ms, kind, correlation_id, station, duration_ms, prediction_seq
         FROM line_events WHERE id > ? ORDER BY id LIMIT ?`,
      )
      .raw();
  }

  /** About this part; or at this station, about a part that the event does not name. */
  has(
    kind: string,
    { correlationId, station }: { readonly correlationId: string | null; readonly station: string | null },
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number } = ALWAYS,
  ): boolean {
    return (
      (correlationId !== null && this.#ofPart.get(correlationId, kind, fromMs, toMs) !== undefined) ||
      (station !== null && this.#atStation.get(station, kind, fromMs, toMs) !== undefined)
    );
  }

  after(id: number, limit: number): { id: number; receivedMs: number; event: LineEvent }[] {
    return this.#after.all(id, limit).map(([eventId, receivedMs, timeMs, kind, ...rest]) => {
      const [correlationId, station, durationMs, predictionSeq] = rest;
      const event = {
        ...{ timeMs, kind, correlationId, station },
        ...(durationMs === null ? {} : { durationMs }),
        ...(predictionSeq === null ? {} : { predictionSeq }),
      };
      return { id: eventId, receivedMs, event };
    });
  }
}
