/**
 * Labels in force, counted as they are written: by model, minute of the prediction, truth, what was said, trust in the label.
 * The counts outlive the records that retention takes.
 */
import { countedPropensity, type TaggedCount } from '../../protocol/evidence/outcome-count.ts';
import type { Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';
import type { ConfusionQuery } from './store.ts';

const KEPT_MS = 14 * 24 * 3_600_000;

interface Label {
  readonly label: number;
  readonly weight: number;
}

type Pair = [seq: number, timeMs: number, context: number, label: number];
type Bucket = [context: number, minute: number];
type Counted = [truth: number, said: number, weight: number, count: number];
type CountedIn = [context: number, ...Counted];

export class ConfusionTable {
  readonly #contexts: Contexts;
  readonly #pair: Statement<[number, number], Pair>;
  readonly #add: Statement<[...Bucket, number, number, number, number, number, number, number]>;
  readonly #since: Statement<[slot: string, model: string, minute: number], CountedIn>;
  readonly #span: Statement<Bucket, [first: number | null, last: number | null]>;
  readonly #part: Statement<
    [first: number, last: number, context: number, fromMs: number, toMs: number],
    Counted
  >;
  readonly #prune: Statement<[number]>;

  constructor(sqlite: Sqlite, contexts: Contexts) {
    this.#contexts = contexts;
    this.#pair = sqlite
      .prepare<[number, number], Pair>(
        `SELECT seq, time_ms, context, label FROM predictions
         WHERE seq = ? OR (seq = ? + 1 AND pair_distance = 1)`,
      )
      .raw();
    this.#add = sqlite.prepare(
      `INSERT INTO confusion VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
       count = count + excluded.count, labelled_ms = excluded.labelled_ms,
       first_seq = min(first_seq, excluded.first_seq), last_seq = max(last_seq, excluded.last_seq)`,
    );
    this.#since = sqlite
      .prepare<[slot: string, model: string, minute: number], CountedIn>(
        `SELECT context, truth, said, weight, sum(count)
         FROM contexts CROSS JOIN confusion ON confusion.context = contexts.id
         WHERE slot = ? AND model = ? AND minute >= ?
         GROUP BY context, truth, said, weight`,
      )
      .raw();
    this.#span = sqlite
      .prepare<Bucket, [number | null, number | null]>(
        'SELECT min(first_seq), max(last_seq) FROM confusion WHERE context = ? AND minute = ?',
      )
      .raw();
    this.#part = sqlite
      .prepare<[number, number, number, number, number], Counted>(
        `SELECT f.label, p.label, f.weight, count(*)
         FROM predictions p JOIN feedback f ON f.prediction_seq = p.seq - p.pair_distance AND f.stands = 1
         WHERE p.seq BETWEEN ? AND ? AND p.context = ? AND p.time_ms >= ? AND p.time_ms < ?
         GROUP BY f.label, p.label, f.weight`,
      )
      .raw();
    this.#prune = sqlite.prepare('DELETE FROM confusion WHERE labelled_ms < ?');
  }

  /**
   * Another label stands, or none any more: takes back what was counted, counts the new. Inside a transaction only.
   * @param labelledMs when this came to be known
   */
  revise(
    predictionSeq: number,
    before: Label | undefined,
    after: Label | undefined,
    labelledMs: number,
  ): void {
    for (const [seq, timeMs, context, said] of this.#pair.all(predictionSeq, predictionSeq)) {
      const add = ({ label, weight }: Label, count: 1 | -1) =>
        this.#add.run(context, minuteOf(timeMs), label, said, weight, count, seq, seq, labelledMs);
      if (before) add(before, -1);
      if (after) add(after, 1);
    }
  }

  /**
   * Exact to the millisecond where the records of the first minute are still there.
   * @returns of each prediction context of the model its own counts, so that they can be told apart by tags
   */
  counts(query: ConfusionQuery): TaggedCount[] {
    const counted = query.sinceMs % 60_000 === 0 ? this.#wholeMinutes(query) : this.#toTheMs(query);
    return counted.flatMap(([contextId, truth, said, weight, count]) => {
      const context = this.#contexts.byId(contextId);
      if (count <= 0 || (query.role === 'deciding' && context.role === 'shadow')) return [];
      return [{ truth, said, weight, propensity: countedPropensity(context), count, tags: context.tags }];
    });
  }

  /** Forgets what was labelled long ago; the time of the predictions themselves may be that of an old recording. */
  prune(nowMs: number): void {
    this.#prune.run(nowMs - KEPT_MS);
  }

  /** All contexts in one statement: with tags there are many. */
  #wholeMinutes({ slot, model, sinceMs }: ConfusionQuery): CountedIn[] {
    return this.#since.all(slot, model, minuteOf(sinceMs));
  }

  #toTheMs({ slot, model, sinceMs }: ConfusionQuery): CountedIn[] {
    const minute = minuteOf(sinceMs);
    const whole = this.#since.all(slot, model, minute + 1);
    const begun = this.#contexts.ofModel(slot, model).flatMap(({ id }) => {
      const [first, last] = this.#span.get(id, minute) ?? [null, null];
      if (first === null || last === null) return [];
      const rows = this.#part.all(first, last, id, sinceMs, (minute + 1) * 60_000);
      return rows.map((counted): CountedIn => [id, ...counted]);
    });
    return [...whole, ...begun];
  }
}

function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / 60_000);
}
