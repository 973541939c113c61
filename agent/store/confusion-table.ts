/**
 * Labels in force, counted as they are written: by model, minute of the prediction, truth, what was said, trust in the label.
 * The counts outlive the records that retention takes.
 */
import type { Context, Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';
import type { NewFeedback } from './records.ts';

const KEPT_MS = 14 * 24 * 3_600_000;

export interface ConfusionCount {
  truth: number;
  said: number;
  weight: number;
  count: number;
}

type Pair = [seq: number, timeMs: number, context: number, label: number];
type Label = [explicit: number, label: number, weight: number];
type Bucket = [context: number, minute: number];
type Counted = [truth: number, said: number, weight: number, count: number];

export class ConfusionTable {
  readonly #contexts: Contexts;
  readonly #pair: Statement<[number, number], Pair>;
  readonly #inForce: Statement<[number], Label>;
  readonly #add: Statement<[...Bucket, number, number, number, number, number, number, number]>;
  readonly #since: Statement<Bucket, Counted>;
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
    this.#inForce = sqlite
      .prepare<[number], Label>(
        `SELECT explicit, label, weight FROM feedback WHERE prediction_seq = ?
         ORDER BY explicit DESC, seq DESC LIMIT 1`,
      )
      .raw();
    this.#add = sqlite.prepare(
      `INSERT INTO confusion VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
       count = count + excluded.count, labelled_ms = excluded.labelled_ms,
       first_seq = min(first_seq, excluded.first_seq), last_seq = max(last_seq, excluded.last_seq)`,
    );
    this.#since = sqlite
      .prepare<Bucket, Counted>(
        `SELECT truth, said, weight, sum(count) FROM confusion WHERE context = ? AND minute >= ?
         GROUP BY truth, said, weight`,
      )
      .raw();
    this.#span = sqlite
      .prepare<Bucket, [number | null, number | null]>(
        'SELECT min(first_seq), max(last_seq) FROM confusion WHERE context = ? AND minute = ?',
      )
      .raw();
    // A bare column beside max() is that of the row with the maximum: the label in force.
    this.#part = sqlite
      .prepare<[number, number, number, number, number], Counted>(
        `SELECT truth, said, weight, count(*) FROM (
           SELECT p.label AS said, f.label AS truth, f.weight AS weight, max(f.explicit * 9007199254740992 + f.seq)
           FROM predictions p JOIN feedback f ON f.prediction_seq = p.seq - p.pair_distance
           WHERE p.seq BETWEEN ? AND ? AND p.context = ? AND p.time_ms >= ? AND p.time_ms < ?
           GROUP BY p.seq
         ) GROUP BY truth, said, weight`,
      )
      .raw();
    this.#prune = sqlite.prepare('DELETE FROM confusion WHERE labelled_ms < ?');
  }

  /** Counts a label about to be written, and takes back the one that it revises. Inside a transaction, before the insert. */
  apply(feedback: NewFeedback): void {
    const pair = this.#pair.all(feedback.predictionSeq, feedback.predictionSeq);
    if (pair.length === 0) return;
    const before = this.#inForce.get(feedback.predictionSeq);
    if (before?.[0] === 1 && feedback.kind === 'implicit') return;
    for (const [seq, timeMs, context, said] of pair) {
      const minute = minuteOf(timeMs);
      if (before) this.#add.run(context, minute, before[1], said, before[2], -1, seq, seq, feedback.timeMs);
      this.#add.run(context, minute, feedback.label, said, feedback.weight, 1, seq, seq, feedback.timeMs);
    }
  }

  /** Exact to the millisecond where the records of the first minute are still there. */
  counts(query: {
    slot: string;
    model: string;
    sinceMs: number;
    role: 'deciding' | 'any';
  }): ConfusionCount[] {
    const sums = new Map<string, ConfusionCount>();
    for (const context of this.#contexts.ofModel(query.slot, query.model)) {
      if (query.role === 'deciding' && context.role === 'shadow') continue;
      for (const [truth, said, weight, count] of this.#countedSince(context, query.sinceMs)) {
        const key = `${truth} ${said} ${weight}`;
        const sum = sums.get(key);
        if (sum) sum.count += count;
        else sums.set(key, { truth, said, weight, count });
      }
    }
    return [...sums.values()].filter(({ count }) => count > 0);
  }

  /** Forgets what was labelled long ago; the time of the predictions themselves may be that of an old recording. */
  prune(nowMs: number): void {
    this.#prune.run(nowMs - KEPT_MS);
  }

  #countedSince(context: Context, sinceMs: number): Counted[] {
    const minute = minuteOf(sinceMs);
    if (sinceMs === minute * 60_000) return this.#since.all(context.id, minute);
    const whole = this.#since.all(context.id, minute + 1);
    const [first, last] = this.#span.get(context.id, minute) ?? [null, null];
    if (first === null || last === null) return whole;
    return [...whole, ...this.#part.all(first, last, context.id, sinceMs, (minute + 1) * 60_000)];
  }
}

function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / 60_000);
}
