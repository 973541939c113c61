/** Which predictions of a slot are worth showing again: the newest that were raised, and the newest that evidence contradicts. */
import type { Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';

/** What a caller raises by. */
export type Raised = (prediction: { readonly label: number; readonly score: number }) => boolean;

type PredictionRow = [seq: number, context: number, label: number, score: number];

/** How far back the first look goes, and any look after a long time without one. */
const ROWS_A_LOOK = 20_000;

/** Seqs, newest last. */
interface Watch {
  readonly raised: number[];
  readonly contradicted: number[];
  lookedAtPrediction: number;
  lookedAtFeedback: number;
}

/**
 * Looks on from where it stopped, so that asking often costs only what came in between; writing costs nothing.
 * Remembers nothing over a restart but what the last rows say.
 */
export class NotablePredictions {
  readonly #contexts: Contexts;
  readonly #watches = new Map<string, Watch>();
  readonly #head: Statement<[], number>;
  readonly #feedbackHead: Statement<[], number>;
  readonly #predictions: Statement<[number], PredictionRow>;
  readonly #contradicted: Statement<[number, string], number>;

  constructor(sqlite: Sqlite, contexts: Contexts) {
    this.#contexts = contexts;
    this.#head = sqlite.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM predictions').pluck();
    this.#feedbackHead = sqlite.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM feedback').pluck();
    this.#predictions = sqlite
      .prepare<[number], PredictionRow>(
        'SELECT seq, context, label, score FROM predictions WHERE seq > ? AND pair_distance = 0 ORDER BY seq',
      )
      .raw();
    this.#contradicted = sqlite
      .prepare<[number, string], number>(
        `SELECT p.seq FROM feedback f JOIN predictions p ON p.seq = f.prediction_seq
         WHERE f.seq > ? AND f.slot = ? AND f.label <> p.label ORDER BY f.seq`,
      )
      .pluck();
  }

  /** @returns seqs, at most `limit` of each kind; some of them may be gone by now, or contradicted no longer */
  of(
    slot: string,
    raised: Raised,
    limit: number,
  ): { raised: readonly number[]; contradicted: readonly number[] } {
    const watch = this.#watchOf(slot);
    this.#lookAtPredictions(watch, slot, raised, limit);
    this.#lookAtLabels(watch, slot, limit);
    return watch;
  }

  #lookAtPredictions(watch: Watch, slot: string, raised: Raised, limit: number): void {
    const head = this.#head.get() ?? 0;
    const after = Math.max(watch.lookedAtPrediction, head - ROWS_A_LOOK);
    for (const [seq, context, label, score] of this.#predictions.iterate(after)) {
      // Whether the row is sound is seen when it is shown.
      const isHere = this.#contexts.has(context) && this.#contexts.byId(context).slot === slot;
      if (isHere && raised({ label, score })) keep(watch.raised, seq, limit);
    }
    watch.lookedAtPrediction = head;
  }

  #lookAtLabels(watch: Watch, slot: string, limit: number): void {
    const head = this.#feedbackHead.get() ?? 0;
    const after = Math.max(watch.lookedAtFeedback, head - ROWS_A_LOOK);
    for (const seq of this.#contradicted.iterate(after, slot)) keep(watch.contradicted, seq, limit);
    watch.lookedAtFeedback = head;
  }

  #watchOf(slot: string): Watch {
    const known = this.#watches.get(slot);
    if (known) return known;
    const watch: Watch = { raised: [], contradicted: [], lookedAtPrediction: 0, lookedAtFeedback: 0 };
    this.#watches.set(slot, watch);
    return watch;
  }
}

function keep(seqs: number[], seq: number, limit: number): void {
  const before = seqs.indexOf(seq);
  if (before !== -1) seqs.splice(before, 1);
  seqs.push(seq);
  if (seqs.length > limit) seqs.splice(0, seqs.length - limit);
}
