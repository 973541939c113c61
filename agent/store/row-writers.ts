/** Writes the rows of the quieter tables: feedback, metrics, events, and the line events that rules look at. */
import type { Clock } from '../clock.ts';
import type { LineEvent } from '../sources/source.ts';
import type { Sqlite, Statement } from './database.ts';
import type { LabelWriter } from './label-writer.ts';
import type { NewEvent, NewFeedback, NewMetric } from './records.ts';
import { type RowValue, rowSum } from './row-sum.ts';
import type { StreamHeads } from './stream-heads.ts';

export class RowWriters {
  readonly #heads: StreamHeads;
  readonly #labels: LabelWriter;
  readonly #clock: Clock;
  readonly #metric: Statement<RowValue[]>;
  readonly #event: Statement<RowValue[]>;
  readonly #lineEvent: Statement<(number | string | null)[]>;

  constructor(sqlite: Sqlite, heads: StreamHeads, labels: LabelWriter, clock: Clock) {
    this.#heads = heads;
    this.#labels = labels;
    this.#clock = clock;
    this.#metric = sqlite.prepare('INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)');
    this.#event = sqlite.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#lineEvent = sqlite.prepare(
      `INSERT INTO line_events (received_ms, time_ms, kind, correlation_id, station, duration_ms, prediction_seq)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  /** Inside a transaction only, as all below. */
  feedback(records: readonly NewFeedback[]): void {
    for (const f of records) this.#labels.write(this.#heads.next('feedback'), f);
  }

  metrics(records: readonly NewMetric[]): void {
    for (const { timeMs, name, slot, value } of records) {
      const row = [this.#heads.next('metrics'), timeMs, name, slot, value];
      this.#metric.run(...row, rowSum(row));
    }
  }

  events(records: readonly NewEvent[]): void {
    for (const { timeMs, kind, severity, slot, message, data } of records) {
      const words = [kind, severity, slot, message, JSON.stringify(data)];
      const row = [this.#heads.next('events'), timeMs, ...words];
      this.#event.run(...row, rowSum(row));
    }
  }

  lineEvents(events: readonly LineEvent[]): void {
    const receivedMs = this.#clock.wallMs();
    for (const { timeMs, kind, correlationId, station, durationMs = null, predictionSeq = null } of events) {
      this.#lineEvent.run(receivedMs, timeMs, kind, correlationId, station, durationMs, predictionSeq);
    }
  }
}
