/** Predictions as rules and pages read them: one at a time, the newest, or those whose time has come. */
import type { TaggedCount } from '../../protocol/evidence/outcome-count.ts';
import { type Feedback, predictionId } from '../../protocol/records.ts';
import type { ConfusionTable } from './confusion-table.ts';
import type { Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';
import { type FeedbackRow, feedbackOf } from './feedback-row.ts';
import { LineEventLog } from './line-event-log.ts';
import { NotablePredictions } from './notable-predictions.ts';
import { INPUT_HEALTH_BITS } from './prediction-writer.ts';
import type { StoredPrediction } from './records.ts';
import type { OutcomeQuery, PredictionLog } from './store.ts';
import { isCorrupt } from './store-error.ts';

type Row = [
  seq: number,
  timeMs: number,
  context: number,
  correlationId: string | null,
  label: number,
  score: number,
  latencyUs: number,
  health: number,
];
type LabelRow = [explicit: number, label: number, rule: string, evidence: string];

/** A quiet slot beside a busy one must not make a read walk the whole table. */
const ROWS_A_SCAN = 20_000;
const COLUMNS = 'seq, time_ms, context, correlation_id, label, score, latency_us, health';

export class SqlitePredictionLog implements PredictionLog {
  readonly #contexts: Contexts;
  readonly #confusion: ConfusionTable;
  readonly #notable: NotablePredictions;
  readonly #lineEvents: LineEventLog;
  readonly #bySeq: Statement<[number], Row>;
  readonly #byPart: Statement<[string], Row>;
  readonly #newest: Statement<[number], Row>;
  readonly #after: Statement<[number, number], [...Row, pairDistance: number]>;
  readonly #position: Statement<[string, string], number>;
  readonly #seqs: Statement<[], [number | null, number | null]>;
  readonly #timeAt: Statement<[number], number>;
  readonly #label: Statement<[number], LabelRow>;
  readonly #evidence: Statement<[number], FeedbackRow>;
  readonly #saveTimesFrom: Statement<[string]>;
  #timesFrom: number;

  constructor(sqlite: Sqlite, contexts: Contexts, confusion: ConfusionTable) {
    this.#contexts = contexts;
    this.#confusion = confusion;
    this.#notable = new NotablePredictions(sqlite, contexts);
    this.#lineEvents = new LineEventLog(sqlite);
    const rows = <Bind extends unknown[]>(where: string): Statement<Bind, Row> =>
      sqlite.prepare<Bind, Row>(`SELECT ${COLUMNS} FROM predictions WHERE pair_distance = 0 ${where}`).raw();
    this.#bySeq = rows('AND seq = ?');
    this.#byPart = rows('AND correlation_id = ? ORDER BY seq DESC');
    this.#newest = rows('ORDER BY seq DESC LIMIT ?');
    this.#after = sqlite
      .prepare<[number, number], [...Row, number]>(
        `SELECT ${COLUMNS}, pair_distance FROM predictions WHERE seq > ? ORDER BY seq LIMIT ?`,
      )
      .raw();
    this.#position = sqlite
      .prepare<[string, string], number>('SELECT position FROM positions WHERE slot = ? AND source = ?')
      .pluck();
    this.#seqs = sqlite
      // Each on its own is one look; asked for together SQLite walks the table.
      .prepare<[], [number | null, number | null]>(
        'SELECT (SELECT min(seq) FROM predictions), (SELECT max(seq) FROM predictions)',
      )
      .raw();
    this.#timeAt = sqlite
      .prepare<[number], number>('SELECT time_ms FROM predictions WHERE seq >= ? ORDER BY seq LIMIT 1')
      .pluck();
    this.#label = sqlite
      .prepare<[number], LabelRow>(
        'SELECT explicit, label, rule, evidence FROM feedback WHERE prediction_seq = ? AND stands > 0',
      )
      .raw();
    this.#evidence = sqlite
      .prepare<[number], FeedbackRow>('SELECT * FROM feedback WHERE prediction_seq = ? ORDER BY seq')
      .raw();
    this.#saveTimesFrom = sqlite.prepare<[string]>("INSERT OR REPLACE INTO meta VALUES ('times-from', ?)");
    const timesFrom = sqlite.prepare<[], string>("SELECT value FROM meta WHERE key = 'times-from'").pluck();
    this.#timesFrom = Number(timesFrom.get() ?? 1);
  }

  bySeq(seq: number): StoredPrediction | undefined {
    const row = this.#bySeq.get(seq);
    return row && this.#stored(row);
  }

  byCorrelationId(
    slot: string,
    correlationId: string,
    notAfterMs = Number.MAX_SAFE_INTEGER,
  ): StoredPrediction | undefined {
    let newest: StoredPrediction | undefined;
    for (const row of this.#byPart.iterate(correlationId)) {
      if (this.#contexts.byId(row[2]).slot !== slot) continue;
      newest ??= this.#stored(row);
      if (row[1] <= notAfterMs) return this.#stored(row);
    }
    return newest;
  }

  madeBetween(slot: string, fromMs: number, toMs: number, limit: number): StoredPrediction[] {
    const found: StoredPrediction[] = [];
    for (const row of this.#after.iterate(this.#lastBefore(fromMs), ROWS_A_SCAN)) {
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
      this.#saveTimesFrom.run(String(this.#timesFrom));
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
    for (const row of this.#after.iterate(afterSeq, ROWS_A_SCAN)) {
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
    const row = this.#label.get(predictionSeq);
    if (!row) return undefined;
    const [explicit, label, rule, evidence] = row;
    return { label, kind: explicit === 1 ? 'explicit' : 'implicit', rule, evidence };
  }

  evidenceOf(predictionSeq: number): Feedback[] {
    return this.#evidence.all(predictionSeq).map(feedbackOf);
  }

  outcomes(query: OutcomeQuery): TaggedCount[] {
    return this.#confusion.counts(query);
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
      if ((this.#timeAt.get(middle) ?? Number.POSITIVE_INFINITY) < timeMs) before = middle;
      else from = middle;
    }
    return before;
  }

  #firstOf(slot: string, rows: Iterable<Row>, limit: number): StoredPrediction[] {
    const found: StoredPrediction[] = [];
    for (const row of rows) {
      if (this.#contexts.byId(row[2]).slot === slot && found.push(this.#stored(row)) >= limit) break;
    }
    return found;
  }

  #stored(row: Row | [...Row, number]): StoredPrediction {
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
