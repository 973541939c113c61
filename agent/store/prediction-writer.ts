/** Writes predictions: seqs without a gap, a shadow right behind the prediction that decided. */

import { predictionId, type Role } from '../../protocol/records.ts';
import { NO_TAGS } from '../../protocol/tags.ts';
import type { Context, Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';
import type { NewPrediction, StoredPrediction } from './records.ts';
import { type RowValue, rowSum } from './row-sum.ts';
import type { StreamHeads } from './stream-heads.ts';

const COLUMNS = 11;
const SUM_AT = COLUMNS - 1;
/** In the column of input health, above its bits: the model was unsure. For retention alone; nobody else reads it. */
const UNSURE_BIT = 32;
export const INPUT_HEALTH_BITS = UNSURE_BIT - 1;
/** A call into SQLite costs about as much as binding four values: rows share calls. */
const ROWS_A_CALL = 16;

export class PredictionWriter {
  readonly #contexts: Contexts;
  readonly #heads: StreamHeads;
  readonly #insertOne: Statement<RowValue[]>;
  readonly #insertMany: Statement<RowValue[]>;
  readonly #move: Statement<[string, string, number, sum: number]>;
  /** Rows that are not inserted yet, column by column within a row. */
  readonly #values = new Array<RowValue>(COLUMNS * ROWS_A_CALL).fill(null);
  #filled = 0;

  constructor(sqlite: Sqlite, contexts: Contexts, heads: StreamHeads) {
    this.#contexts = contexts;
    this.#heads = heads;
    const row = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)';
    this.#insertOne = sqlite.prepare<RowValue[]>(`INSERT INTO predictions VALUES ${row}`);
    const rows = new Array(ROWS_A_CALL).fill(row).join(', ');
    this.#insertMany = sqlite.prepare<RowValue[]>(`INSERT INTO predictions VALUES ${rows}`);
    this.#move = sqlite.prepare('INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)');
  }

  /** Inside a transaction only. @returns the deciding predictions */
  write(predictions: readonly NewPrediction[]): StoredPrediction[] {
    // An insert that failed may have left rows of a transaction that is no more.
    this.#filled = 0;
    const stored = predictions.map((prediction) => {
      const deciding = this.#addDeciding(prediction);
      if (prediction.shadow) this.#addShadow(prediction, prediction.shadow);
      return deciding;
    });
    this.#insertRest();
    return stored;
  }

  /** Inside a transaction only. */
  moveTo(slot: string, source: string, position: number): void {
    this.#move.run(slot, source, position, rowSum([slot, source, position]));
  }

  #addDeciding(p: NewPrediction): StoredPrediction {
    const context = this.#contextOf(p, p.model, p.role);
    const seq = this.#heads.next('predictions');
    const latencyUs = wholeUs(p.latencyUs);
    const features = p.features && bytesOf(p.features);
    this.#add(seq, p, context.id, p.label, p.score, latencyUs, 0, features);
    return {
      id: predictionId(context.run, seq),
      seq,
      run: context.run,
      timeMs: p.timeMs,
      slot: p.slot,
      model: p.model,
      role: p.role,
      correlationId: p.correlationId,
      label: p.label,
      score: p.score,
      latencyUs,
      health: p.health,
      pairOf: 0,
      tags: context.tags,
      propensity: context.propensity,
      explored: context.explored,
      keptShare: 1,
    };
  }

  #addShadow(decided: NewPrediction, shadow: NonNullable<NewPrediction['shadow']>): void {
    const context = this.#contextOf(decided, shadow.model, 'shadow');
    const seq = this.#heads.next('predictions');
    this.#add(seq, decided, context.id, shadow.label, shadow.score, wholeUs(shadow.latencyUs), 1, null);
  }

  #contextOf(p: NewPrediction, model: string, role: Role): Context {
    const { slot, tags = NO_TAGS, propensity = 1, explored = false } = p;
    const { run } = this.#contexts;
    return this.#contexts.of({ run, slot, model, role, tags, propensity, explored, keptShare: 1 });
  }

  #add(
    seq: number,
    { timeMs, correlationId, health, unsure = false }: NewPrediction,
    context: number,
    label: number,
    score: number,
    latencyUs: number,
    pairDistance: number,
    features: Buffer | null,
  ): void {
    const values = this.#values;
    const at = this.#filled * COLUMNS;
    values[at] = seq;
    values[at + 1] = timeMs;
    values[at + 2] = context;
    values[at + 3] = correlationId;
    values[at + 4] = label;
    values[at + 5] = score;
    values[at + 6] = latencyUs;
    values[at + 7] = unsure ? health | UNSURE_BIT : health;
    values[at + 8] = pairDistance;
    values[at + 9] = features;
    values[at + SUM_AT] = rowSum(values, at, at + SUM_AT);
    this.#filled += 1;
    if (this.#filled < ROWS_A_CALL) return;
    this.#filled = 0;
    // As arguments: the binding takes twice as long to read an array.
    this.#insertMany.run(...values);
  }

  #insertRest(): void {
    for (let i = 0; i < this.#filled; i++) {
      this.#insertOne.run(...this.#values.slice(i * COLUMNS, (i + 1) * COLUMNS));
    }
    this.#filled = 0;
  }
}

function wholeUs(us: number): number {
  return Math.max(0, Math.round(us));
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
