/**
 * A line where the model decides what is ever looked at: a part that it rejects is thrown away, and only a small share of
 * them, drawn by chance, goes on for inspection. The true metric is known, for every part of the simulated line is. How far
 * off is the naive metric, and how often does the corrected one's interval hold the truth?
 */
import { Random } from '../agent/sources/random.ts';
import { metricEstimate, metricValue } from '../protocol/evidence/metric-estimate.ts';
import type { OutcomeCount } from '../protocol/evidence/outcome-count.ts';
import type { MetricRule } from '../protocol/evidence/share-of-right.ts';
import type { BenchResult } from './result.ts';

export interface SelectiveLine {
  readonly parts: number;
  readonly faultShare: number;
  /** Of the faulty parts, those that the model rejects; of the good ones, those that it rejects all the same. */
  readonly recall: number;
  readonly falseAlarms: number;
  /** Share of the rejected parts that goes on for inspection. */
  readonly exploration: number;
}

const RUNS = 1000;
const LINE: SelectiveLine = {
  parts: 5000,
  faultShare: 0.05,
  recall: 0.8,
  falseAlarms: 0.03,
  exploration: 0.1,
};
const METRICS: Readonly<Record<string, MetricRule>> = {
  F1: { name: 'f-beta', beta: 1 },
  F2: { name: 'f-beta', beta: 2 },
  Accuracy: { name: 'accuracy' },
  MacroF1: { name: 'macro-f1' },
};

/** @returns what one stretch of the line leaves behind: the truths that were seen, and what the model said */
export function playLine(line: SelectiveLine, random: Random): OutcomeCount[] {
  const counts = [0, 0, 0, 0];
  for (let part = 0; part < line.parts; part++) {
    const truth = Number(random.uniform() < line.faultShare);
    const said = Number(random.uniform() < (truth === 1 ? line.recall : line.falseAlarms));
    const seen = said === 0 || random.uniform() < line.exploration;
    if (seen) counts[2 * truth + said] = (counts[2 * truth + said] ?? 0) + 1;
  }
  return counts.map((count, cell) => ({
    truth: cell >> 1,
    said: cell & 1,
    weight: 1,
    propensity: (cell & 1) === 1 ? line.exploration : 1,
    keptShare: 1,
    count,
  }));
}

/** Of the whole line, in the long run. */
export function trueMetric(metric: MetricRule, { faultShare, recall, falseAlarms }: SelectiveLine): number {
  const cell = (truth: number, said: number, weight: number): OutcomeCount => ({
    truth,
    said,
    weight,
    propensity: 1,
    keptShare: 1,
    count: 1,
  });
  const value = metricValue(metric, [
    cell(1, 1, faultShare * recall),
    cell(1, 0, faultShare * (1 - recall)),
    cell(0, 1, (1 - faultShare) * falseAlarms),
    cell(0, 0, (1 - faultShare) * (1 - falseAlarms)),
  ]);
  if (value === null) throw new RangeError('this line has no metric');
  return value;
}

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  for (const [name, metric] of Object.entries(METRICS)) {
    const truth = trueMetric(metric, LINE);
    const random = new Random(20_261);
    const played = Array.from({ length: RUNS }, () => judge(metric, truth, playLine(LINE, random)));
    const mean = (of: (one: Judged) => number) => played.reduce((sum, one) => sum + of(one), 0) / RUNS;
    const error = (of: (one: Judged) => number) => Math.sqrt(mean((one) => (of(one) - truth) ** 2));
    figures[`true${name}`] = truth;
    figures[`naiveOffBy${name}`] = mean(({ naive }) => naive) - truth;
    figures[`correctedOffBy${name}`] = mean(({ corrected }) => corrected) - truth;
    figures[`naiveCovers${name}`] = mean(({ naiveCovers }) => Number(naiveCovers));
    figures[`covers${name}`] = mean(({ covers }) => Number(covers));
    figures[`intervalWidth${name}`] = mean(({ width }) => width);
    ratios[`naiveErrorVsCorrected${name}`] =
      error(({ naive }) => naive) / error(({ corrected }) => corrected);
    say(
      `${name}: the corrected interval holds the truth in ${((figures[`covers${name}`] ?? 0) * RUNS).toFixed(0)} of ${RUNS} runs`,
    );
  }
  return {
    name: 'selective-labels',
    ratios,
    figures,
    baseline: `the naive metric on the same labels; ${LINE.parts} parts a run, ${100 * LINE.exploration} % of the rejected ones inspected`,
  };
}

interface Judged {
  readonly naive: number;
  readonly corrected: number;
  readonly naiveCovers: boolean;
  readonly covers: boolean;
  readonly width: number;
}

function judge(metric: MetricRule, truth: number, counts: readonly OutcomeCount[]): Judged {
  const naive = metricEstimate(metric, counts, 'naive');
  const corrected = metricEstimate(metric, counts, 'corrected');
  if (!naive || !corrected) throw new RangeError('a run without labels');
  return {
    naive: naive.value,
    corrected: corrected.value,
    naiveCovers: naive.low <= truth && truth <= naive.high,
    covers: corrected.low <= truth && truth <= corrected.high,
    width: corrected.high - corrected.low,
  };
}
