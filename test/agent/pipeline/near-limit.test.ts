import { describe, expect, it } from 'vitest';
import { isNearLimit } from '../../../agent/pipeline/near-limit.ts';
import type { Decision } from '../../../protocol/manifest.ts';

const argmax: Decision = { kind: 'argmax', labels: ['bump', 'dent', 'none'] };
const threshold: Decision = { kind: 'threshold', labels: ['ok', 'failure'], threshold: 0.05 };
const anomaly: Decision = {
  kind: 'anomaly',
  labels: ['ok', 'odd'],
  threshold: 20,
  higherIsWorse: true,
  unit: '',
};
const bands: Decision = { kind: 'bands', labels: ['low', 'high'], edges: [10], unit: 'mm' };

describe('a prediction is near its limit', () => {
  it.each<[string, Decision, number, boolean]>([
    ['whose best label is a guess', argmax, 0.4, true],
    ['whose best label is sure', argmax, 0.9, false],
    ['just below a threshold for rare failures', threshold, 0.03, true],
    ['just above it', threshold, 0.1, true],
    ['far below it', threshold, 0.01, false],
    ['far above it', threshold, 0.5, false],
    ['whose output is no probability', threshold, 1.5, false],
    ['of an anomaly score about its threshold', anomaly, 18.5, true],
    ['of one well below', anomaly, 10, false],
    ['of a measured value, never', bands, 10, false],
  ])('%s', (_, decision, score, near) => {
    expect(isNearLimit(decision, { score })).toBe(near);
  });
});
