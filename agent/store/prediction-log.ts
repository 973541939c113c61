/** Predictions as rules and pages read them: one at a time, the newest, or those whose time has come. */
import type { TaggedCount } from '../../protocol/evidence/outcome-count.ts';
import { type Feedback, predictionId } from '../../protocol/records.ts';
import type { ConfusionTable } from './confusion-table.ts';
import type { Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';
import { type FeedbackRow, feedbackOf } from './feedback-row.ts';
import { LineEventLog } from './line-event-log.ts';
import { readMeta, writeMeta } from './meta.ts';
import { NotablePredictions } from './notable-predictions.ts';
import type { PredictionRow } from './prediction-row.ts';
import { INPUT_HEALTH_BITS } from './prediction-writer.ts';
import type { StoredPrediction } from './records.ts';
import { soundRows } from './sound-rows.ts';
import type { OutcomeQuery, PredictionLog } from './store.ts';
import { isCorrupt } from './store-error.ts';

/** A quiet slot beside a busy one must not make a read walk the whole table. */
const ROWS_A_SCAN = 20_000;
const TIMES_FROM = 'times-from';

export class SqlitePredictionLog implements PredictionLog {
  readonly #contexts: Contexts;
  readonly #confusion: ConfusionTable;
  readonly #notable: NotablePredictions;
  readonly #lineEvents: LineEventLog;
  readonly #isSound: (row: PredictionRow) => boolean;
  readonly #isSoundLabel: (row: FeedbackRow) => boolean;
  readonly #bySeq: Statement<[number], PredictionRow>;
  readonly #byPart: Statement<[string], PredictionRow>;
  readonly #newest: Statement<[number], PredictionRow>;
  readonly #after: Statement<[number, number], PredictionRow>;
  readonly #position: Statement<[string, string], number>;
  readonly #seqs: Statement<[], [number | null, number | null]>;
  readonly #evidence: Statement<[number], FeedbackRow>;
  readonly #sqlite: Sqlite;
  #timesFrom: number;

  constructor(sqlite: Sqlite, contexts: Contexts, confusion: ConfusionTable) {
    this.#contexts = contexts;
    this.#confusion = confusion;
    this.#notable = new NotablePredictions(sqlite, contexts);
    this.#lineEvents = new LineEventLog(sqlite);
    this.#isSound = soundRows(sqlite, 'predictions');
    this.#isSoundLabel = soundRows(sqlite, 'feedback');
    const rows = <Bind extends unknown[]>(where: string): Statement<Bind, PredictionRow> =>
      sqlite.prepare<Bind, PredictionRow>(`SELECT * FROM predictions WHERE ${where}`).raw();
    this.#bySeq = rows('pair_distance = 0 AND seq = ?');
    this.#byPart = rows('pair_distance = 0 AND correlation_id = ? ORDER BY seq DESC');
    this.#newest = rows('pair_distance = 0 ORDER BY seq DESC LIMIT ?');
    this.#after = rows('seq > ? ORDER BY seq LIMIT ?');
    this.#position = sqlite
      .prepare<[string, string], number>('SELECT position FROM positions WHERE slot = ? AND source = ?')
      .pluck();
    this.#seqs = sqlite
      // Each on its own is one look; asked for together SQLite walks the table.
      .prepare<[], [number | null, number | null]>(
        'SELECT (SELECT min(seq) FROM predictions), (SELECT max(seq) FROM predictions)',
      )
      .raw();
    this.#evidence = sqlite
      .prepare<[number], FeedbackRow>('SELECT * FROM feedback WHERE prediction_seq = ? ORDER BY seq')
      .raw();
    this.#sqlite = sqlite;
    this.#timesFrom = Number(readMeta(sqlite, TIMES_FROM) ?? 1);
  }

  bySeq(seq: number): StoredPrediction | undefined {
    const row = this.#bySeq.get(seq);
    return row && this.#isSound(row) ? this.#stored(row) : undefined;
  }

  byCorrelationId(
    slot: string,
    correlationId: string,
    notAfterMs = Number.MAX_SAFE_INTEGER,
  ): StoredPrediction | undefined {
    let newest: StoredPrediction | undefined;
    for (const row of this.#sound(this.#byPart.iterate(correlationId))) {
      // The index may lead to another part's row: it has no checksum.
      if (row[3] !== correlationId || this.#contexts.byId(row[2]).slot !== slot) continue;
      newest ??= this.#stored(row);
      if (row[1] <= notAfterMs) return this.#stored(row);
    }
    return newest;
  }

  madeBetween(slot: string, fromMs: number, toMs: number, limit: number): StoredPrediction[] {
    const found: StoredPrediction[] = [];
    for (const row of this.#sound(this.#after.iterate(this.#lastBefore(fromMs), ROWS_A_SCAN))) {
      if (row[1] > toMs || found.length === limit) break;
      const deciding = row[8] === 0 && this.#contexts.byId(row[2]).slot === slot;
      if (deciding && row[1] >= fromMs) found.push(this.#stored(row));
    }
    return found;
  }

  timesBeginAnew(): void {
    const [, last] = this.#seqs.get() ?? [null, null];
    this.#timesFrom = (last ?? 0) + 1;
    try {
      writeMeta(this.#sqlite, TIMES_FROM, String(this.#timesFrom));
    } catch (cause) {
      // A full disk forgets it with the next start; nothing else rests on it.
      if (isCorrupt(cause)) throw cause;
    }
  }

  recent(slot: string, limit: number): StoredPrediction[] {
    return this.#firstOf(slot, this.#newest.iterate(ROWS_A_SCAN), limit);
  }

  notable({ slot, raised, limit }: Parameters<PredictionLog['notable']>[0]): StoredPrediction[] {
    const found = this.#notable.of(slot, raised, limit);
    const contradicted = this.#newestFirst(found.contradicted).filter(
      ({ seq, label }) => this.labelOf(seq)?.label !== label,
    );
    const known = new Set(contradicted.map(({ seq }) => seq));
    const others = this.#newestFirst(found.raised.filter((seq) => !known.has(seq)));
    return [...contradicted, ...others].sort((a, b) => b.seq - a.seq);
  }

  position(slot: string, source: string): number {
    return this.#position.get(slot, source) ?? 0;
  }

  madeBefore(slot: string, afterSeq: number, untilMs: number, limit: number): StoredPrediction[] {
    return this.dueAfter({ slot, afterSeq, untilMs, plausibleMs: Number.MAX_SAFE_INTEGER, limit }).due;
  }

  dueAfter(query: Parameters<PredictionLog['dueAfter']>[0]): ReturnType<PredictionLog['dueAfter']> {
    const { slot, afterSeq, untilMs, plausibleMs, limit } = query;
    const due: StoredPrediction[] = [];
    let through = afterSeq;
    for (const row of this.#sound(this.#after.iterate(afterSeq, ROWS_A_SCAN))) {
      const [seq, timeMs, contextId] = row;
      const deciding = row[8] === 0 && this.#contexts.byId(contextId).slot === slot;
      if (deciding && timeMs <= plausibleMs) {
        if (timeMs > untilMs || due.length === limit) break;
        due.push(this.#stored(row));
      }
      through = seq;
    }
    return { due, through };
  }

  hasLineEvent(...query: Parameters<PredictionLog['hasLineEvent']>): boolean {
    return this.#lineEvents.has(...query);
  }

  lineEventsAfter(id: number, limit: number): ReturnType<PredictionLog['lineEventsAfter']> {
    return this.#lineEvents.after(id, limit);
  }

  labelOf(predictionSeq: number): ReturnType<PredictionLog['labelOf']> {
    const rows = this.#soundEvidence(predictionSeq);
    const standing = rows.find(({ 12: stands }) => stands > 0);
    if (!standing) return undefined;
    const { label, kind, rule, evidence } = feedbackOf(standing);
    return { label, kind, rule, evidence };
  }

  evidenceOf(predictionSeq: number): Feedback[] {
    return this.#soundEvidence(predictionSeq).map(feedbackOf);
  }

  outcomes(query: OutcomeQuery): TaggedCount[] {
    return this.#confusion.counts(query);
  }

  #soundEvidence(predictionSeq: number): FeedbackRow[] {
    return this.#evidence.all(predictionSeq).filter(this.#isSoundLabel);
  }

  *#sound(rows: Iterable<PredictionRow>): Generator<PredictionRow> {
    for (const row of rows) if (this.#isSound(row)) yield row;
  }

  /** Those that retention has not taken. */
  #newestFirst(seqs: readonly number[]): StoredPrediction[] {
    return seqs.toSorted((a, b) => b - a).flatMap((seq) => this.bySeq(seq) ?? []);
  }

  /** Seq of the last row made before this time; by halves, since rows stand in the order of their time. */
  #lastBefore(timeMs: number): number {
    const [first, last] = this.#seqs.get() ?? [null, null];
    let before = Math.max(first ?? 1, this.#timesFrom) - 1;
    let from = (last ?? 0) + 1;
    while (from - before > 1) {
      const middle = Math.floor((before + from) / 2);
      if (this.#timeFrom(middle) < timeMs) before = middle;
      else from = middle;
    }
    return before;
  }

  /** Of the first row from here on; where there is none, later than all. */
  #timeFrom(seq: number): number {
    for (const [, timeMs] of this.#sound(this.#after.iterate(seq - 1, ROWS_A_SCAN))) return timeMs;
    return Number.POSITIVE_INFINITY;
  }

  #firstOf(slot: string, rows: Iterable<PredictionRow>, limit: number): StoredPrediction[] {
    const found: StoredPrediction[] = [];
    for (const row of this.#sound(rows)) {
      if (this.#contexts.byId(row[2]).slot === slot && found.push(this.#stored(row)) >= limit) break;
    }
    return found;
  }

  #stored(row: PredictionRow): StoredPrediction {
    const [seq, timeMs, contextId, correlationId, label, score, latencyUs, health] = row;
    const { run, slot, model, role, tags, propensity, explored, keptShare } = this.#contexts.byId(contextId);
    return {
      id: predictionId(run, seq),
      seq,
      run,
      timeMs,
      slot,
      model,
      role,
      correlationId,
      label,
      score,
      latencyUs,
      health: health & INPUT_HEALTH_BITS,
      pairOf: 0,
      tags,
      propensity,
      explored,
      keptShare,
    };
  }
}
