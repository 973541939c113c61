/** Evidence about predictions and the label that stands. Callers hold the transaction and hand over only what is new. */
import { type Evidence, standingLabel } from '../../protocol/labels/standing-label.ts';
import type { Feedback } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';
import type { EpochLineage } from './epoch-lineage.ts';
import type { LabelChange, OutcomeTable } from './outcome-table.ts';

type SqlValue = string | number | null;

/** Evidence with its name. */
interface Said extends Evidence {
  readonly epochId: number;
  readonly seq: number;
}

interface HistoryRow extends Omit<Said, 'withdrawn'> {
  readonly withdrawn: number;
}

export class LabelTable {
  readonly #add: Statement<SqlValue[]>;
  readonly #history: Statement<[number, number], HistoryRow>;
  readonly #stand: Statement<SqlValue[]>;
  readonly #fall: Statement<[number, number]>;
  readonly #stood: Statement<[number, number], { label: number; weight: number }>;
  readonly #outcomes: OutcomeTable;
  readonly #lineage: EpochLineage;

  constructor(sqlite: Sqlite, { outcomes, lineage }: { outcomes: OutcomeTable; lineage: EpochLineage }) {
    this.#outcomes = outcomes;
    this.#lineage = lineage;
    this.#stood = sqlite.prepare(
      'SELECT label, weight FROM labels WHERE epoch_id = ? AND prediction_seq = ?',
    );
    this.#add = sqlite.prepare('INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    // Left to itself, SQLite takes the primary key and walks every record of the device.
    this.#history = sqlite.prepare(
      `SELECT epoch_id AS epochId, seq, time_ms AS timeMs, kind, label, weight, rule, precedence, withdrawn, observed_ms AS observedMs
       FROM feedback INDEXED BY feedback_by_prediction WHERE epoch_id = ? AND prediction_seq = ?`,
    );
    this.#stand = sqlite.prepare(
      `INSERT INTO labels (epoch_id, prediction_seq, label, weight, kind, time_ms, feedback_seq, feedback_epoch_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET label = excluded.label, weight = excluded.weight, kind = excluded.kind,
         time_ms = excluded.time_ms, feedback_seq = excluded.feedback_seq, feedback_epoch_id = excluded.feedback_epoch_id`,
    );
    this.#fall = sqlite.prepare('DELETE FROM labels WHERE epoch_id = ? AND prediction_seq = ?');
  }

  /** @param saidBy the database by whose numbers they speak of predictions */
  add(epochId: number, records: readonly Feedback[], saidBy: number): void {
    const changes = new Map<number, LabelChange[]>();
    for (const record of records) {
      const { predictionSeq } = record;
      const homeId = this.#lineage.homeOf(saidBy, 'predictions', predictionSeq).epochId;
      const stands = standingLabel<Said>([...this.#historyOf(homeId, predictionSeq), { ...record, epochId }]);
      this.#keep(epochId, record);
      const before = this.#stood.get(homeId, predictionSeq);
      const ofHome = changes.get(homeId) ?? [];
      ofHome.push({ predictionSeq, before, after: stands });
      changes.set(homeId, ofHome);
      if (stands) this.#put(homeId, predictionSeq, stands);
      else this.#fall.run(homeId, predictionSeq);
    }
    for (const [homeId, ofHome] of changes) this.#outcomes.revise(homeId, ofHome);
  }

  /** What every database that has the prediction said about it. */
  #historyOf(homeId: number, predictionSeq: number): Said[] {
    return this.#lineage
      .withRecord(homeId, 'predictions', predictionSeq)
      .flatMap((epochId) => this.#history.all(epochId, predictionSeq).map(evidenceOf));
  }

  #put(homeId: number, predictionSeq: number, { label, weight, kind, timeMs, seq, epochId }: Said): void {
    const elsewhere = epochId === homeId ? null : epochId;
    this.#stand.run(homeId, predictionSeq, label, weight, kind, timeMs, seq, elsewhere);
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

function evidenceOf({ withdrawn, ...row }: HistoryRow): Said {
  return { ...row, withdrawn: withdrawn === 1 };
}
