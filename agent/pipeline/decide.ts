/** From a row of a model's output to what it says. Pure. */
import type { Decision } from '../../protocol/manifest.ts';

/** @returns index into the decision's labels, and the probability or anomaly score behind it */
export function decide(
  decision: Decision,
  output: Float32Array,
  row: number,
): { label: number; score: number } {
  if (decision.kind === 'threshold') {
    const score = output[row] as number;
    return { label: score >= decision.threshold ? 1 : 0, score };
  }
  const width = decision.labels.length;
  const first = row * width;
  let label = 0;
  for (let k = 1; k < width; k++) {
    if ((output[first + k] as number) > (output[first + label] as number)) label = k;
  }
  return { label, score: output[first + label] as number };
}
