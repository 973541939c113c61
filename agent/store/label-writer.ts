/** Writes evidence about predictions: its row, the mark on the one whose label stands, and the counts that follow from it. */
import { standingLabel } from '../../protocol/labels/standing-label.ts';
import { DEFAULT_PRECEDENCE, type Feedback } from '../../protocol/records.ts';
import type { ConfusionTable } from './confusion-table.ts';
import type { Sqlite, Statement } from './database.ts';
import { type FeedbackRow, feedbackOf } from './feedback-row.ts';
import type { NewFeedback } from './records.ts';

export class LabelWriter {
  readonly #confusion: ConfusionTable;
  readonly #history: Statement<[number], FeedbackRow>;
  readonly #insert: Statement<FeedbackRow>;
  readonly #mark: Statement<[stands: number, seq: number]>;
  readonly #keptShare: Statement<[number], number>;

  constructor(sqlite: Sqlite, confusion: ConfusionTable) {
    this.#confusion = confusion;
    this.#history = sqlite
      .prepare<[number], FeedbackRow>('SELECT * FROM feedback WHERE prediction_seq = ?')
      .raw();
    this.#insert = sqlite.prepare('INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#mark = sqlite.prepare('UPDATE feedback SET stands = ? WHERE seq = ?');
    this.#keptShare = sqlite
      .prepare<[number], number>(
        'SELECT kept_share FROM predictions JOIN contexts ON contexts.id = context WHERE seq = ?',
      )
      .pluck();
  }

  /** Inside a transaction only. */
  write(seq: number, feedback: NewFeedback): void {
    const { precedence = DEFAULT_PRECEDENCE, withdrawn = false, observedMs = null } = feedback;
    const added: Feedback = { ...feedback, seq, precedence, withdrawn, observedMs };
    const rows = this.#history.all(feedback.predictionSeq);
    const history = rows.map(feedbackOf);
    const standing = rows.findIndex((row) => stands(row) > 0);
    const before = history[standing];
    const after = standingLabel([...history, added]);
    // Thinned since it was counted or not: what is taken back must be what was counted.
    const share = before
      ? stands(rows[standing] as FeedbackRow)
      : (this.#keptShare.get(feedback.predictionSeq) ?? 1);
    if (after !== before) {
      if (before) this.#mark.run(0, before.seq);
      if (after && after !== added) this.#mark.run(share, after.seq);
      this.#confusion.revise({
        predictionSeq: feedback.predictionSeq,
        keptShare: share,
        before,
        after,
        labelledMs: feedback.timeMs,
      });
    }
    const { timeMs, predictionSeq, slot, kind, label, weight, rule, evidence } = feedback;
    this.#insert.run(
      ...([seq, timeMs, predictionSeq, slot, kind === 'explicit' ? 1 : 0] as const),
      ...([label, weight, rule, evidence] as const),
      ...([precedence, withdrawn ? 1 : 0, observedMs, after === added ? share : 0] as const),
    );
  }
}

function stands(row: FeedbackRow): number {
  return row[12];
}
