/**
 * Sweeps over the predictions that the server has not acknowledged and thins them out, a slice at a time (thinning.ts). What
 * the line said of one that goes, goes with it: a label without its prediction says nothing. What people said stays.
 */
import { z } from 'zod';
import type { Contexts } from './contexts.ts';
import type { Database, Statement } from './database.ts';
import type { PredictionRow } from './prediction-row.ts';
import { rowSum } from './row-sum.ts';
import { soundRows } from './sound-rows.ts';
import type { StreamHeads } from './stream-heads.ts';
import { DEEPEST_LEVEL, isNotable, nextLevel, type Sample, shareAfter, staysAt } from './thinning.ts';

/** Some milliseconds of the event loop. */
const MOST_ROWS_A_SLICE = 512;
const LEAST_ROWS_A_SLICE = 8;
const KEY = 'retention/thinning';

const placeSchema = z.object({
  level: z.int().min(1),
  /** Swept up to here. */
  after: z.int().min(0),
  /** The first level that would halve any of what this sweep left; null when it left nothing. */
  next: z.int().min(1).nullable(),
  /** Beyond this seq nothing was ever thinned. */
  thinnedTo: z.int().min(0),
  /** Dropped by thinning since the epoch began. */
  dropped: z.int().min(0),
});
type Place = z.infer<typeof placeSchema>;

const START: Place = { level: 1, after: 0, next: null, thinnedTo: 0, dropped: 0 };

/** A prediction and the label that stands. */
type Row = [...PredictionRow, truth: number | null, explicit: number | null];
const COLUMNS = 11;
const SUM_AT = COLUMNS - 1;

interface Unit extends Sample {
  readonly rows: readonly Row[];
}

export interface Thinned {
  readonly stream: 'predictions' | 'feedback';
  /** The seqs that were looked at, and how many of them were dropped; none in a slice that holds nothing but what must stay. */
  readonly from: number;
  readonly to: number;
  readonly unacked: number;
}

export class PredictionThinning {
  readonly #heads: StreamHeads;
  readonly #contexts: Contexts;
  readonly #sliceRows: number;
  readonly #rows: Statement<[after: number, until: number, limit: number], Row>;
  readonly #drop: Statement<[seqs: string]>;
  readonly #insert: Statement<PredictionRow>;
  readonly #isSound: (row: Row) => boolean;
  readonly #dropLabels: Statement<[predictionSeqs: string], number>;
  readonly #save: Statement<[value: string]>;
  #place: Place;
  /** In a transaction that may still fail. */
  #next: Place | undefined;

  constructor({ sqlite }: Database, heads: StreamHeads, contexts: Contexts, sliceRows: number) {
    this.#heads = heads;
    this.#contexts = contexts;
    // What a sweep left stands far apart in the index by part: each row may change a page of it, and the log has room for
    // `sliceRows` rows, eight to a page.
    this.#sliceRows = Math.max(LEAST_ROWS_A_SLICE, Math.min(Math.floor(sliceRows / 8), MOST_ROWS_A_SLICE));
    this.#rows = sqlite
      .prepare<[number, number, number], Row>(
        `SELECT p.*, f.label, f.explicit
         FROM predictions AS p LEFT JOIN feedback AS f ON f.prediction_seq = p.seq AND f.stands > 0
         WHERE p.seq > ? AND p.seq <= ? ORDER BY p.seq LIMIT ?`,
      )
      .raw();
    this.#drop = sqlite.prepare('DELETE FROM predictions WHERE seq IN (SELECT value FROM json_each(?))');
    this.#insert = sqlite.prepare(`INSERT INTO predictions VALUES (${Array(COLUMNS).fill('?').join(', ')})`);
    this.#isSound = soundRows(sqlite, 'predictions');
    // The newest stays: it tells the head of its stream.
    this.#dropLabels = sqlite
      .prepare<[string], number>(
        `DELETE FROM feedback WHERE explicit = 0 AND prediction_seq IN (SELECT value FROM json_each(?))
         AND seq < (SELECT max(seq) FROM feedback) RETURNING seq`,
      )
      .pluck();
    this.#save = sqlite.prepare(
      `INSERT INTO states VALUES ('${KEY}', ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
    );
    this.#place = placeOf(
      sqlite.prepare<[], string>(`SELECT value FROM states WHERE key = '${KEY}'`).pluck().get(),
    );
  }

  /** Predictions dropped by thinning since the epoch began. */
  get dropped(): number {
    return this.#place.dropped;
  }

  /** Thins the next slice. Inside a transaction only. @returns undefined when all is as thin as it may get */
  slice(): Thinned[] | undefined {
    let place = this.#begin();
    let units = this.#unitsAfter(place.after);
    if (units.length === 0) {
      if (place.next === null || place.next > DEEPEST_LEVEL) return undefined;
      place = { ...place, level: place.next, after: this.#settled('predictions'), next: null };
      units = this.#unitsAfter(place.after);
    }
    const last = units.at(-1)?.rows.at(-1)?.[0];
    if (last === undefined) return undefined;
    const gone = this.#thin(units, place);
    const labels = this.#thinLabels(gone);
    const moved: Place = {
      level: place.level,
      after: last,
      next: least([place.next, ...units.map((unit) => nextLevel(afterSweep(unit, place.level)))]),
      thinnedTo: Math.max(place.thinnedTo, last),
      dropped: place.dropped + gone.length,
    };
    this.#save.run(JSON.stringify(moved));
    this.#next = moved;
    const from = units[0]?.seq ?? last;
    return [{ stream: 'predictions', from, to: last, unacked: gone.length }, ...labels];
  }

  /** After the commit of the transaction of `slice`. */
  moved(): void {
    this.#place = this.#next ?? this.#place;
  }

  /** Once the server has all that was ever thinned, the next outage begins anew. */
  #begin(): Place {
    const settled = this.#settled('predictions');
    const place = this.#place;
    if (settled >= place.thinnedTo) return { ...START, after: settled, dropped: place.dropped };
    return { ...place, after: Math.max(place.after, settled) };
  }

  #settled(stream: Thinned['stream']): number {
    const { acked, floor } = this.#heads.of(stream);
    return Math.max(acked, floor);
  }

  /** The last one is left out: its shadow may be beyond the slice, and the newest row tells the head of the stream. */
  #unitsAfter(after: number): Unit[] {
    const rows = this.#rows.all(after, this.#heads.of('predictions').durable, this.#sliceRows);
    const byDecider = new Map<number, Row[]>();
    for (const [i, row] of rows.entries()) {
      // A damaged row stays as it is: nobody can say for what it would stand.
      if (!this.#isSound(row) || !this.#contexts.has(row[2])) continue;
      // Two labels of it stand, one of them in a damaged row.
      if (row[0] === rows[i - 1]?.[0]) continue;
      const decider = row[0] - row[8];
      const unit = byDecider.get(decider);
      if (unit) unit.push(row);
      else byDecider.set(decider, [row]);
    }
    return [...byDecider].slice(0, -1).map(([seq, unit]) => this.#unitOf(seq, unit));
  }

  #unitOf(seq: number, rows: readonly Row[]): Unit {
    const [first] = rows as readonly [Row];
    const { run, keptShare } = this.#contexts.byId(first[2]);
    const labels = rows.map((row) => row[4]);
    const health = rows.reduce((bits, row) => bits | row[7], 0);
    const notable = isNotable({ health, labels, truth: first[COLUMNS], explicit: first[COLUMNS + 1] === 1 });
    return { run, seq, keptShare, notable, rows };
  }

  /**
   * Takes the slice out and puts what stays back: rows deleted here and there would leave pages half empty, and the file
   * as large as it was.
   * @returns the seqs that are gone
   */
  #thin(units: readonly Unit[], { level }: Place): number[] {
    const seqs = units.flatMap(({ rows }) => rows.map(([seq]) => seq));
    const kept = units.flatMap((unit) => this.#keptOf(unit, shareAfter(level, unit)));
    if (units.some((unit) => shareAfter(level, unit) !== unit.keptShare)) {
      this.#drop.run(JSON.stringify(seqs));
      for (const row of kept) this.#insert.run(...row);
    }
    const stays = new Set(kept.map(([seq]) => seq));
    const gone = seqs.filter((seq) => !stays.has(seq));
    this.#heads.save('predictions', gone.length);
    return gone;
  }

  #thinLabels(gone: readonly number[]): Thinned[] {
    const seqs = gone.length === 0 ? [] : this.#dropLabels.all(JSON.stringify(gone)).sort((a, b) => a - b);
    const unacked = seqs.filter((seq) => seq > this.#settled('feedback')).length;
    const [from, to] = [seqs[0], seqs.at(-1)];
    if (from === undefined || to === undefined) return [];
    this.#heads.save('feedback', unacked);
    return [{ stream: 'feedback', from, to, unacked }];
  }

  #keptOf(unit: Unit, keptShare: number): PredictionRow[] {
    if (!staysAt(keptShare, unit)) return [];
    return unit.rows.map((row) => {
      const context = this.#contexts.withShare(this.#contexts.byId(row[2]), keptShare);
      const stored = row.slice(0, COLUMNS) as PredictionRow;
      stored[2] = context.id;
      stored[SUM_AT] = rowSum(stored, 0, SUM_AT);
      return stored;
    });
  }
}

/** From a damaged page a sweep begins anew: rows that are as thin already stay as they are. */
function placeOf(saved: string | undefined): Place {
  try {
    return placeSchema.parse(JSON.parse(saved ?? ''));
  } catch {
    return START;
  }
}

function afterSweep({ keptShare, notable }: Unit, level: number): Pick<Unit, 'keptShare' | 'notable'> {
  return { keptShare: shareAfter(level, { keptShare, notable }), notable };
}

function least(levels: readonly (number | null)[]): number | null {
  const known = levels.filter((level) => level !== null);
  return known.length === 0 ? null : Math.min(...known);
}
