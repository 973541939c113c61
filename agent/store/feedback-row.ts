/** A row of the feedback table, its columns in the order of migrations.ts; it was checked when it was written. */
import type { Feedback } from '../../protocol/records.ts';

export type FeedbackRow = [
  seq: number,
  timeMs: number,
  predictionSeq: number,
  slot: string,
  explicit: number,
  label: number,
  weight: number,
  rule: string,
  evidence: string,
  precedence: number,
  withdrawn: number,
  observedMs: number | null,
  /** Above 0: its label stands, and is counted as one of predictions of which this share was kept. */
  stands: number,
  /** null: from before there were checksums. */
  sum: number | null,
];

export function feedbackOf(row: FeedbackRow): Feedback {
  const [seq, timeMs, predictionSeq, slot, explicit, label, weight, rule, evidence, ...rest] = row;
  const [precedence, withdrawn, observedMs] = rest;
  return {
    ...{ seq, timeMs, predictionSeq, slot, label, weight, rule, evidence, precedence, observedMs },
    kind: explicit === 1 ? 'explicit' : 'implicit',
    withdrawn: withdrawn === 1,
  };
}
