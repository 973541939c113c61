/** Writes evidence about predictions: its row, the mark on the one whose label stands, and the counts that follow from it. */
import { standingLabel } from '../../protocol/labels/standing-label.ts';
import { DEFAULT_PRECEDENCE, type Feedback } from '../../protocol/records.ts';
import type { ConfusionTable } from './confusion-table.ts';
import type { Sqlite, Statement } from './database.ts';
import { type FeedbackRow, feedbackOf } from './feedback-row.ts';
import type { NewFeedback } from './records.ts';
import { rowSum } from './row-sum.ts';
import { soundRows } from './sound-rows.ts';

/** The last column before the checksum. */
const STANDS = 12;

export class LabelWriter {
  readonly #confusion: ConfusionTable;
  readonly #history: Statement<[number], FeedbackRow>;
  readonly #insert: Statement<FeedbackRow>;
  readonly #mark: Statement<[stands: number, sum: number, seq: number]>;
  readonly #isSound: (row: FeedbackRow) => boolean;
  readonly #keptShare: Statement<[number], number>;

  constructor(sqlite: Sqlite, confusion: ConfusionTable) {
    this.#confusion = confusion;
    this.#history = sqlite
      .prepare<[number], FeedbackRow>('SELECT * FROM feedback WHERE prediction_seq = ?')
      .raw();
    this.#insert = sqlite.prepare('INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#mark = sqlite.prepare('UPDATE feedback SET stands = ?, check_sum = ? WHERE seq = ?');
    this.#isSound = soundRows(sqlite, 'feedback');
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
    const rows = this.#history.all(feedback.predictionSeq).filter(this.#isSound);
    const history = rows.map(feedbackOf);
    const standing = rows.findIndex((row) => stands(row) > 0);
    const before = history[standing];
    const after = standingLabel([...history, added]);
    // Thinned since it was counted or not: what is taken back must be what was counted.
    const stood = rows[standing];
    const share = stood ? stands(stood) : (this.#keptShare.get(feedback.predictionSeq) ?? 1);
    if (after !== before) {
      if (stood) this.#setStands(stood, 0);
      const standsNow = after && rows[history.indexOf(after)];
      if (standsNow) this.#setStands(standsNow, share);
      this.#confusion.revise({
        predictionSeq: feedback.predictionSeq,
        keptShare: share,
        before,
        after,
        labelledMs: feedback.timeMs,
      });
    }
    const { timeMs, predictionSeq, slot, kind, label, weight, rule, evidence } = feedback;
    const row = [
      ...([seq, timeMs, predictionSeq, slot, kind === 'explicit' ? 1 : 0] as const),
      ...([label, weight, rule, evidence] as const),
      ...([precedence, withdrawn ? 1 : 0, observedMs, after === added ? share : 0] as const),
    ] as const;
    this.#insert.run(...row, rowSum(row));
  }

  #setStands(row: FeedbackRow, share: number): void {
    const columns = [...row.slice(0, STANDS), share];
    this.#mark.run(share, rowSum(columns), row[0]);
  }
}

function stands(row: FeedbackRow): number {
  return row[STANDS];
}
