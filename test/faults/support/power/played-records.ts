/** Records whose content follows from their number, so that one look tells whether a stored one is what was handed over. */
import type { NewFeedback, NewPrediction } from '../../../../agent/store/records.ts';

export const SLOT = 'inspection';
export const SOURCE = 'line';
const FEATURES = 8;

/** @param number position in the source, from 1; the seq too, for nothing else is recorded */
export function predictionAt(number: number): NewPrediction {
  return {
    timeMs: 1_700_000_000_000 + number,
    slot: SLOT,
    model: 'a'.repeat(64),
    role: 'champion',
    correlationId: `part-${number}`,
    label: number % 5,
    score: (number % 1024) / 1024,
    latencyUs: number % 1000,
    health: 0,
    features: number % 3 === 0 ? new Float32Array(FEATURES).fill(number) : null,
    shadow: null,
  };
}

export function feedbackAt(predictionSeq: number): NewFeedback {
  return {
    timeMs: 1_700_000_000_000 + predictionSeq,
    predictionSeq,
    slot: SLOT,
    kind: 'explicit',
    label: predictionSeq % 5,
    weight: 1,
    rule: 'operator',
    evidence: `said of ${predictionSeq}`,
    precedence: 1000,
    withdrawn: false,
    observedMs: null,
  };
}
