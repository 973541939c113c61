/**
 * Labels that stand, counted as they arrive: by who spoke under which circumstances, time of the prediction, truth, what
 * was said, trust in the label. So a metric over a year reads counts, never the records; and they outlive the records.
 * By the minute for a curve of up to a day, by the hour for all else: then no reading is long.
 */
import {
  countedPropensity,
  type OutcomeCount,
  type TaggedCount,
} from '../../protocol/evidence/outcome-count.ts';
import type { Sqlite, Statement } from './database.ts';

interface Label {
  readonly label: number;
  readonly weight: number;
}

/** Outcomes of one model, by its manifest's sha256, with the same tags. */
export interface ModelOutcome extends TaggedCount {
  readonly model: string;
}

/** Outcomes of one model in one span of time. */
export interface SpanOutcome extends OutcomeCount {
  readonly model: string;
  /** Device time, ms since the Unix epoch, a whole number of spans. */
  readonly fromMs: number;
}

interface SlotQuery {
  readonly slot: string;
  readonly sinceMs: number;
}

interface Circumstances {
  readonly propensity: number;
  readonly explored: number;
}
type ModelRow = Omit<ModelOutcome, 'tags'> & Circumstances & { readonly tags: string };
type SpanRow = SpanOutcome & Circumstances;

const GRAINS = [
  { table: 'outcomes_by_minute', period: 'minute', ms: 60_000 },
  { table: 'outcomes_by_hour', period: 'hour', ms: 3_600_000 },
] as const;
type Grain = (typeof GRAINS)[number];
const [MINUTES, HOURS] = GRAINS;
const onConflict = 'ON CONFLICT DO UPDATE SET count = count + excluded.count';

/** Another label stands for a prediction, or none any more. */
export interface LabelChange {
  readonly predictionSeq: number;
  readonly before: Label | undefined;
  readonly after: Label | undefined;
}

type Spoken = [contextId: number, timeMs: number, said: number];
type Sum = [contextId: number, period: number, truth: number, said: number, weight: number, count: number];

export class OutcomeTable {
  readonly #spoken: Statement<
    [epochId: number, seq: number, nextSeq: number, seqAgain: number, pairOf: number],
    Spoken
  >;
  readonly #add: readonly Statement<Sum>[];
  readonly #anyLabel: Statement<[number, number, number], number>;
  readonly #countArrived: readonly Statement<[{ epochId: number; first: number; last: number }]>[];
  readonly #byTags: Statement<[SlotQuery], ModelRow>;
  readonly #byMinutes: Statement<[SlotQuery & { spanMs: number }], SpanRow>;
  readonly #byHours: Statement<[SlotQuery & { spanMs: number }], SpanRow>;
  readonly #span: Statement<[string], { firstMs: number | null; lastMs: number | null }>;
  readonly #began: Statement<[string], { model: string; firstMs: number }>;

  constructor(sqlite: Sqlite) {
    // The prediction itself, and its shadow: a device writes it as the next one.
    this.#spoken = sqlite
      .prepare<[number, number, number, number, number], Spoken>(
        `SELECT context_id, time_ms, label FROM predictions
         WHERE epoch_id = ? AND seq BETWEEN ? AND ? AND (seq = ? OR pair_of = ?)`,
      )
      .raw();
    this.#add = GRAINS.map(({ table, period }) =>
      sqlite.prepare(
        `INSERT INTO ${table} (context_id, ${period}, truth, said, weight, count) VALUES (?, ?, ?, ?, ?, ?) ${onConflict}`,
      ),
    );
    this.#anyLabel = sqlite
      .prepare<[number, number, number], number>(
        'SELECT 1 FROM labels WHERE epoch_id = ? AND prediction_seq BETWEEN ? AND ? LIMIT 1',
      )
      .pluck();
    this.#countArrived = GRAINS.map((grain) => sqlite.prepare(countArrived(grain)));
    // Summed by context first: small integers sort much faster than the words that they stand for.
    this.#byTags = sqlite.prepare(
      `SELECT model, tags, propensity, explored, kept_share AS keptShare, truth, said, weight, sum(counted) AS count FROM (
         SELECT context_id, truth, said, weight, sum(count) AS counted FROM ${HOURS.table}
         WHERE ${inSlotSince(HOURS)}
         GROUP BY context_id, truth, said, weight)
       JOIN contexts ON contexts.id = context_id
       GROUP BY model, tags, propensity, explored, kept_share, truth, said, weight HAVING sum(counted) > 0`,
    );
    this.#byMinutes = sqlite.prepare(bySpan(MINUTES));
    this.#byHours = sqlite.prepare(bySpan(HOURS));
    this.#span = sqlite.prepare(
      `SELECT min(first) * 60000 AS firstMs, (max(last) + 1) * 60000 AS lastMs FROM (
         SELECT (SELECT min(minute) FROM ${MINUTES.table} WHERE context_id = contexts.id) AS first,
           (SELECT max(minute) FROM ${MINUTES.table} WHERE context_id = contexts.id) AS last
         FROM contexts WHERE slot = ?)`,
    );
    this.#began = sqlite.prepare(
      `SELECT model, min(minute) * 60000 AS firstMs FROM (
         SELECT model, (SELECT min(minute) FROM prediction_counts WHERE context_id = contexts.id) AS minute
         FROM contexts WHERE slot = ? AND role <> 'shadow')
       WHERE minute IS NOT NULL GROUP BY model ORDER BY firstMs`,
    );
  }

  /** Of a whole batch, since most of its labels move the same few counts. Inside the transaction that writes them. */
  revise(epochId: number, changes: readonly LabelChange[]): void {
    const sums = GRAINS.map(() => new Map<string, Sum>());
    for (const { predictionSeq: seq, before, after } of changes) {
      if (before?.label === after?.label && before?.weight === after?.weight) continue;
      for (const spoken of this.#spoken.all(epochId, seq, seq + 1, seq, seq)) {
        GRAINS.forEach(({ ms }, grain) => {
          if (before) addTo(sums[grain], spoken, ms, before, -1);
          if (after) addTo(sums[grain], spoken, ms, after, 1);
        });
      }
    }
    this.#add.forEach((add, grain) => {
      for (const sum of sums[grain]?.values() ?? []) if (sum[5] !== 0) add.run(...sum);
    });
  }

  /** Predictions were stored; labels of theirs may have come sooner. Inside the same transaction. */
  arrived(epochId: number, first: number, last: number): void {
    if (this.#anyLabel.get(epochId, first - 1, last) === undefined) return;
    for (const count of this.#countArrived) count.run({ epochId, first, last });
  }

  /** @param query `sinceMs` counts from the beginning of its hour */
  byTags(query: SlotQuery): ModelOutcome[] {
    return this.#byTags.all(query).map(({ tags, ...row }) => ({ ...counted(row), tags: JSON.parse(tags) }));
  }

  /** @param query `spanMs`: whole minutes up to an hour, then whole hours; `sinceMs` counts from the beginning of its minute or hour */
  bySpan(query: SlotQuery & { spanMs: number }): SpanOutcome[] {
    return (query.spanMs < HOURS.ms ? this.#byMinutes : this.#byHours).all(query).map(counted);
  }

  /** From when to when the slot's labelled predictions were made, by the devices' clocks. */
  span(slot: string): { firstMs: number; lastMs: number } | undefined {
    const { firstMs, lastMs } = this.#span.get(slot) ?? {};
    return typeof firstMs === 'number' && typeof lastMs === 'number' ? { firstMs, lastMs } : undefined;
  }

  /** When each model first decided in the slot, as far back as counts are kept; the earliest first. */
  began(slot: string): { model: string; firstMs: number }[] {
    return this.#began.all(slot);
  }
}

function addTo(
  sums: Map<string, Sum> | undefined,
  [contextId, timeMs, said]: Spoken,
  periodMs: number,
  { label, weight }: Label,
  count: 1 | -1,
): void {
  const period = Math.floor(timeMs / periodMs);
  const key = `${contextId} ${period} ${label} ${said} ${weight}`;
  const sum = sums?.get(key);
  if (sum) sum[5] += count;
  else sums?.set(key, [contextId, period, label, said, weight, count]);
}

function counted<Row extends Circumstances>({ explored, ...row }: Row) {
  return { ...row, propensity: countedPropensity({ propensity: row.propensity, explored: explored === 1 }) };
}

function countArrived({ table, period, ms }: Grain): string {
  return `INSERT INTO ${table} (context_id, ${period}, truth, said, weight, count)
    SELECT p.context_id, p.time_ms / ${ms}, l.label, p.label, l.weight, count(*)
    FROM labels AS l CROSS JOIN predictions AS p ON p.epoch_id = l.epoch_id
      AND p.seq IN (l.prediction_seq, l.prediction_seq + 1)
      AND l.prediction_seq = CASE p.pair_of WHEN 0 THEN p.seq ELSE p.pair_of END
    WHERE l.epoch_id = @epochId AND l.prediction_seq BETWEEN @first - 1 AND @last
      AND p.seq BETWEEN @first AND @last
    GROUP BY 1, 2, 3, 4, 5 ${onConflict}`;
}

function bySpan(grain: Grain): string {
  const { table, period, ms } = grain;
  return `SELECT model, propensity, explored, kept_share AS keptShare, fromMs, truth, said, weight, sum(counted) AS count FROM (
      SELECT context_id, ${period} * ${ms} / ${integer('@spanMs')} * ${integer('@spanMs')} AS fromMs,
        truth, said, weight, sum(count) AS counted FROM ${table}
      WHERE ${inSlotSince(grain)}
      GROUP BY context_id, fromMs, truth, said, weight)
    JOIN contexts ON contexts.id = context_id
    GROUP BY model, propensity, explored, kept_share, fromMs, truth, said, weight HAVING sum(counted) > 0`;
}

function inSlotSince({ period, ms }: Grain): string {
  return `context_id IN (SELECT id FROM contexts WHERE slot = @slot) AND ${period} >= ${integer('@sinceMs')} / ${ms}`;
}

/** Numbers are bound as floats; a division must be of integers. */
function integer(parameter: string): string {
  return `cast(${parameter} AS INTEGER)`;
}
