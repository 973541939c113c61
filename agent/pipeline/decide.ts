/** From a row of a model's output to what it says. Pure. */
import type { Decision } from '../../protocol/manifest.ts';

export interface Decided {
  /** Index into the decision's labels. */
  readonly label: number;
  /** The output behind it: a probability, a measured value, an anomaly score. */
  readonly score: number;
}

/**
 * @param output row-major
 * @param before the label of the sample before this one: a decision with `release` leaves it late (hysteresis)
 */
export function decide(decision: Decision, output: Float32Array, row: number, before = 0): Decided {
  if (decision.kind === 'argmax')
    return largest(output, row * decision.labels.length, decision.labels.length);
  const score = output[row] as number;
  switch (decision.kind) {
    case 'threshold':
      return { label: raised(score, decision, before) ? 1 : 0, score };
    case 'anomaly': {
      const sign = decision.higherIsWorse ? 1 : -1;
      const { threshold, release = threshold } = decision;
      const limits = { threshold: sign * threshold, release: sign * release };
      return { label: raised(sign * score, limits, before) ? 1 : 0, score };
    }
    case 'bands':
      return { label: decision.edges.filter((edge) => score >= edge).length, score };
  }
}

/** The best labels of one row, best first; of equal ones the first in the manifest. */
export function topLabels(outputs: Float32Array, count: number): Decided[] {
  return Array.from(outputs, (score, label) => ({ label, score }))
    .sort((a, b) => b.score - a.score || a.label - b.label)
    .slice(0, count);
}

function largest(output: Float32Array, first: number, width: number): Decided {
  let label = 0;
  for (let k = 1; k < width; k++) {
    if ((output[first + k] as number) > (output[first + label] as number)) label = k;
  }
  return { label, score: output[first + label] as number };
}

function raised(
  score: number,
  { threshold, release = threshold }: { threshold: number; release?: number | undefined },
  before: number,
): boolean {
  return before === 1 ? score >= release : score >= threshold;
}
