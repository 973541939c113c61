/** Writes predictions: seqs without a gap, a shadow right behind the prediction that decided. */
import { predictionId, type Role } from '../../protocol/records.ts';
import type { Contexts } from './contexts.ts';
import type { Sqlite, Statement } from './database.ts';
import type { NewPrediction, StoredPrediction } from './records.ts';
import type { StreamHeads } from './stream-heads.ts';

type Row = [
  seq: number,
  timeMs: number,
  context: number,
  correlationId: string | null,
  label: number,
  score: number,
  latencyUs: number,
  health: number,
  pairDistance: number,
  features: Buffer | null,
];

export class PredictionWriter {
  readonly #contexts: Contexts;
  readonly #heads: StreamHeads;
  readonly #insert: Statement<Row>;
  readonly #move: Statement<[string, string, number]>;

  constructor(sqlite: Sqlite, contexts: Contexts, heads: StreamHeads) {
    this.#contexts = contexts;
    this.#heads = heads;
    this.#insert = sqlite.prepare('INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#move = sqlite.prepare(
      'INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position',
    );
  }

  /** Inside a transaction only. @returns the deciding predictions */
  write(predictions: readonly NewPrediction[]): StoredPrediction[] {
    return predictions.map((prediction) => {
      const stored = this.#insertDeciding(prediction);
      if (prediction.shadow) this.#insertShadow(prediction, prediction.shadow);
      return stored;
    });
  }

  /** Inside a transaction only. */
  moveTo(slot: string, source: string, position: number): void {
    this.#move.run(slot, source, position);
  }

  #insertDeciding(p: NewPrediction): StoredPrediction {
    const context = this.#contexts.of(p.slot, p.model, p.role);
    const seq = this.#heads.next('predictions');
    const latencyUs = wholeUs(p.latencyUs);
    this.#insert.run(
      seq,
      p.timeMs,
      context.id,
      p.correlationId,
      p.label,
      p.score,
      latencyUs,
      p.health,
      0,
      p.features && bytesOf(p.features),
    );
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
    };
  }

  #insertShadow(decided: NewPrediction, shadow: NonNullable<NewPrediction['shadow']>): void {
    const role: Role = 'shadow';
    this.#insert.run(
      this.#heads.next('predictions'),
      decided.timeMs,
      this.#contexts.of(decided.slot, shadow.model, role).id,
      decided.correlationId,
      shadow.label,
      shadow.score,
      wholeUs(shadow.latencyUs),
      decided.health,
      1,
      null,
    );
  }
}

function wholeUs(us: number): number {
  return Math.max(0, Math.round(us));
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
