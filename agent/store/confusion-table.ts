/**
 * Labels in force, counted as they are written: by model, day of the prediction, truth, what was said, trust in the label.
 * The counts outlive the records that retention takes.
 */
import { countedPropensity, type TaggedCount } from '../../protocol/evidence/outcome-count.ts';
import type { Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';
import type { PredictionRow } from './prediction-row.ts';
import { soundRows } from './sound-rows.ts';
import type { OutcomeQuery } from './store.ts';

const DAY_MS = 24 * 3_600_000;
const KEPT_MS = 14 * DAY_MS;

interface Label {
  readonly label: number;
  readonly weight: number;
}

/** Another label stands for a prediction, or none any more. */
export interface LabelChange {
  readonly predictionSeq: number;
  /** Under which both labels count. */
  readonly keptShare: number;
  readonly before: Label | undefined;
  readonly after: Label | undefined;
  /** When this came to be known. */
  readonly labelledMs: number;
}

type Added = [context: number, day: number, truth: number, said: number, weight: number, count: 1 | -1];
type Counted = [truth: number, said: number, weight: number, count: number];
type CountedIn = [context: number, ...Counted];

export class ConfusionTable {
  readonly #contexts: Contexts;
  readonly #pair: Statement<[number, number], PredictionRow>;
  readonly #isSound: (row: PredictionRow) => boolean;
  readonly #add: Statement<[...Added, labelledMs: number]>;
  readonly #of: Statement<[slot: string, model: string], CountedIn>;
  readonly #prune: Statement<[number]>;

  constructor(sqlite: Sqlite, contexts: Contexts) {
    this.#contexts = contexts;
    this.#pair = sqlite
      .prepare<[number, number], PredictionRow>(
        'SELECT * FROM predictions WHERE seq = ? OR (seq = ? + 1 AND pair_distance = 1)',
      )
      .raw();
    this.#isSound = soundRows(sqlite, 'predictions');
    this.#add = sqlite.prepare(
      `INSERT INTO confusion VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
       count = count + excluded.count, labelled_ms = excluded.labelled_ms`,
    );
    // All contexts in one statement: with tags there are many.
    this.#of = sqlite
      .prepare<[slot: string, model: string], CountedIn>(
        `SELECT context, truth, said, weight, sum(count)
         FROM contexts CROSS JOIN confusion ON confusion.context = contexts.id
         WHERE slot = ? AND model = ?
         GROUP BY context, truth, said, weight`,
      )
      .raw();
    this.#prune = sqlite.prepare('DELETE FROM confusion WHERE labelled_ms < ?');
  }

  /** Takes back what was counted, counts the new. Inside a transaction only. */
  revise({ predictionSeq, keptShare, before, after, labelledMs }: LabelChange): void {
    for (const row of this.#pair.all(predictionSeq, predictionSeq).filter(this.#isSound)) {
      const [, timeMs, contextId, , said] = row;
      const context = this.#contexts.withShare(this.#contexts.byId(contextId), keptShare);
      const add = ({ label, weight }: Label, count: 1 | -1) =>
        this.#add.run(context.id, Math.floor(timeMs / DAY_MS), label, said, weight, count, labelledMs);
      if (before) add(before, -1);
      if (after) add(after, 1);
    }
  }

  /** Of each of the model's prediction contexts its own counts, so that they can be told apart by tags. */
  counts({ slot, model, role }: OutcomeQuery): TaggedCount[] {
    return this.#of.all(slot, model).flatMap(([contextId, truth, said, weight, count]) => {
      const context = this.#contexts.byId(contextId);
      if (count <= 0 || (role === 'deciding' && context.role === 'shadow')) return [];
      const { tags, keptShare } = context;
      return [{ truth, said, weight, propensity: countedPropensity(context), keptShare, count, tags }];
    });
  }

  /** Forgets what was labelled long ago; the time of the predictions themselves may be that of an old recording. */
  prune(nowMs: number): void {
    this.#prune.run(nowMs - KEPT_MS);
  }
}
