/** A row of the predictions table, its columns in the order of migrations.ts. */
export type PredictionRow = [
  seq: number,
  timeMs: number,
  context: number,
  correlationId: string | null,
  label: number,
  score: number,
  latencyUs: number,
  /** The bits of input health, and above them one for retention (prediction-writer.ts). */
  health: number,
  /** Of a shadow: how far behind the prediction that decided; of that one 0. */
  pairDistance: number,
  features: Buffer | null,
  /** null: from before there were checksums. */
  sum: number | null,
];
