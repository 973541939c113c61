import { describe, expect, it } from 'vitest';
import { labelsToTell, type MetricReport, type ShownSlice } from '../../protocol/evidence/metric-report.ts';
import {
  correctionWords,
  gapWords,
  isAboutPeople,
  metricVerdict,
  sliceAdvice,
  sureWords,
} from '../../web/metric-words.ts';

const estimate = (value: number, low: number, high: number, labels = 400) => ({
  value,
  low,
  high,
  labels,
  effectiveLabels: labels,
});
const report = (naive: MetricReport['naive'], over: Partial<MetricReport> = {}): MetricReport => ({
  name: 'f-beta',
  offline: 0.84,
  baseline: { name: '3-sigma rule', value: 0.62 },
  labels: naive?.labels ?? 0,
  naive,
  corrected: null,
  slices: [],
  ...over,
});
const slice = (over: Partial<ShownSlice> = {}): ShownSlice => ({
  key: 'shift',
  value: 'late',
  estimate: estimate(0.7, 0.6, 0.8),
  gap: -0.18,
  gapLow: -0.26,
  gapHigh: -0.1,
  call: 'worse',
  ...over,
});

describe('the verdict on a metric', () => {
  it.each([
    [null, 'No labels to judge by', /answers to the predictions/],
    [estimate(0.5, 0.4, 0.6), 'Worse than 3-sigma rule', /tell the people who made the model/],
    [estimate(0.7, 0.65, 0.75), 'Below its promise', /drifting inputs/],
    [estimate(0.8, 0.7, 0.88), 'Better than 3-sigma rule', null],
    [estimate(0.7, 0.5, 0.9, 50), 'Not clear yet', /About 263 more labels would tell/],
  ])('of %o is: %s', (naive, word, next) => {
    const verdict = metricVerdict(report(naive));
    expect(verdict.word).toBe(word);
    if (next === null) expect(verdict.next).toBeNull();
    else expect(verdict.next).toMatch(next);
  });

  it('goes by the corrected number where there is one', () => {
    const corrected = estimate(0.8, 0.7, 0.9);
    const both = report(estimate(0.4, 0.35, 0.45), { corrected });
    expect(metricVerdict(both).state).toBe('ok');
    expect(correctionWords(both)).toMatch(/it looks 0\.400 worse \(0\.400\)/);
    expect(correctionWords(report(corrected))).toBeNull();
  });
});

describe('how sure', () => {
  it('names both ends, the labels, and what they are worth', () => {
    expect(sureWords(estimate(0.8, 0.75, 0.84))).toBe(
      'Between 0.750 and 0.840 with 95% certainty, from 400 labels.',
    );
    expect(sureWords({ ...estimate(0.8, 0.7, 0.88), effectiveLabels: 120.4 })).toMatch(
      /worth 120 equal ones/,
    );
    expect(sureWords(estimate(0.8, 0.4, 0.9, 7))).toMatch(/A first hint only/);
  });

  it('tells how many more labels would tell', () => {
    expect(labelsToTell(estimate(0.8, 0.7, 0.9, 100), 0.65)).toBe(0);
    expect(labelsToTell(estimate(0.8, 0.7, 0.9, 100), 0.75)).toBe(300);
    expect(labelsToTell(estimate(0.8, 0.7, 0.9, 100), 0.8)).toBeNull();
  });
});

describe('slices in words', () => {
  it('says how much worse, with both ends', () => {
    expect(gapWords(slice())).toBe('0.180 less than the rest (0.100 to 0.260)');
    expect(gapWords(slice({ gap: 0.02, gapLow: -0.05, gapHigh: 0.09 }))).toBe(
      'as the rest, as far as one can tell',
    );
  });

  it('thinks of how people label where slices are people', () => {
    expect(isAboutPeople(slice())).toBe(true);
    expect(sliceAdvice([slice()])).toMatch(/let two of them answer on the same parts/);
    expect(sliceAdvice([slice({ key: 'product' })])).toMatch(/next training/);
    expect(sliceAdvice([slice({ call: 'none' })])).toBeNull();
  });
});
