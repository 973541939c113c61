/** Evidence about predictions and the label that stands. Callers hold the transaction and hand over only what is new. */
import { type Evidence, standingLabel } from '../../protocol/labels/standing-label.ts';
import type { Feedback } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';
import type { LabelChange, OutcomeTable } from './outcome-table.ts';

type SqlValue = string | number | null;

interface HistoryRow extends Omit<Evidence, 'withdrawn'> {
  readonly seq: number;
  readonly withdrawn: number;
}

export class LabelTable {
  readonly #add: Statement<SqlValue[]>;
  readonly #history: Statement<[number, number], HistoryRow>;
  readonly #stand: Statement<SqlValue[]>;
  readonly #fall: Statement<[number, number]>;
  readonly #stood: Statement<[number, number], { label: number; weight: number }>;
  readonly #outcomes: OutcomeTable;

  constructor(sqlite: Sqlite, outcomes: OutcomeTable) {
    this.#outcomes = outcomes;
    this.#stood = sqlite.prepare(
      'SELECT label, weight FROM labels WHERE epoch_id = ? AND prediction_seq = ?',
    );
    this.#add = sqlite.prepare('INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    // Left to itself, SQLite takes the primary key and walks every record of the device.
    this.#history = sqlite.prepare(
      `SELECT seq, time_ms AS timeMs, kind, label, weight, rule, precedence, withdrawn, observed_ms AS observedMs
       FROM feedback INDEXED BY feedback_by_prediction WHERE epoch_id = ? AND prediction_seq = ?`,
    );
    this.#stand = sqlite.prepare(
      `INSERT INTO labels (epoch_id, prediction_seq, label, weight, kind, time_ms, feedback_seq)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET label = excluded.label, weight = excluded.weight, kind = excluded.kind,
         time_ms = excluded.time_ms, feedback_seq = excluded.feedback_seq`,
    );
    this.#fall = sqlite.prepare('DELETE FROM labels WHERE epoch_id = ? AND prediction_seq = ?');
  }

  add(epochId: number, records: readonly Feedback[]): void {
    const changes: LabelChange[] = [];
    for (const record of records) {
      const history = this.#history.all(epochId, record.predictionSeq).map(evidenceOf);
      const stands = standingLabel([...history, record]);
      this.#keep(epochId, record);
      const stood = this.#stood.get(epochId, record.predictionSeq);
      changes.push({ predictionSeq: record.predictionSeq, before: stood, after: stands });
      if (stands === undefined) this.#fall.run(epochId, record.predictionSeq);
      else {
        const { label, weight, kind, timeMs, seq } = stands;
        this.#stand.run(epochId, record.predictionSeq, label, weight, kind, timeMs, seq);
      }
    }
    this.#outcomes.revise(epochId, changes);
  }

  #keep(epochId: number, record: Feedback): void {
    const { seq, timeMs, predictionSeq, slot, kind, label, weight, rule, evidence } = record;
    const { precedence, withdrawn, observedMs } = record;
    this.#add.run(
      ...[epochId, seq, timeMs, predictionSeq, slot, kind, label, weight, rule, evidence],
      ...[precedence, withdrawn ? 1 : 0, observedMs],
    );
  }
}

function evidenceOf({ withdrawn, ...row }: HistoryRow): Evidence & { seq: number } {
  return { ...row, withdrawn: withdrawn === 1 };
}
