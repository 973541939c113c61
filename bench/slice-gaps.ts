/**
 * How often a slice is called worse by chance alone, while somebody looks at the page all day; and how soon a real gap is
 * found. Simulated on the code that ships.
 */
import { Random } from '../agent/sources/random.ts';
import type { TaggedCount } from '../protocol/evidence/outcome-count.ts';
import type { MetricRule } from '../protocol/evidence/share-of-right.ts';
import { sliceGaps } from '../protocol/evidence/slice-gaps.ts';
import type { Tags } from '../protocol/tags.ts';
import { type BenchResult, median } from './result.ts';

export interface SlicedLine {
  readonly metric: MetricRule;
  /** Of which share are faults, how many of them the model finds, how many good parts it rejects. */
  readonly faultShare: number;
  readonly recall: number;
  readonly falseAlarms: number;
  /** In shift B it finds so many fewer of the faults. */
  readonly gap: number;
  readonly labels: number;
  readonly lookEvery: number;
}

const RUNS = 300;
const LINE: SlicedLine = {
  metric: { name: 'f-beta', beta: 2 },
  faultShare: 0.2,
  recall: 0.85,
  falseAlarms: 0.05,
  gap: 0,
  labels: 3000,
  lookEvery: 50,
};
const SHIFTS = ['a', 'b', 'c'];
const OPERATORS = ['op-1', 'op-2', 'op-3', 'op-4', 'op-5'];
const PRODUCTS = ['l', 'm', 'h'];
const LINES = ['line-1', 'line-2'];

/** @returns after how many labels a slice was first flagged, and whether one was that has no gap of its own */
export function watchSlices(line: SlicedLine, random: Random): { foundAt: number | null; falsely: boolean } {
  const tagged: Tagged = new Map();
  let foundAt: number | null = null;
  let falsely = false;
  for (let label = 1; label <= line.labels; label++) {
    note(tagged, line, random);
    if (label % line.lookEvery > 0) continue;
    for (const { key, value, flagged } of sliceGaps(line.metric, [...tagged.values()].flat())) {
      if (!flagged) continue;
      if (line.gap > 0 && key === 'shift' && value === 'b') foundAt ??= label;
      else falsely = true;
    }
  }
  return { foundAt, falsely };
}

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const metrics: Readonly<Record<string, MetricRule>> = {
    F2: { name: 'f-beta', beta: 2 },
    Accuracy: { name: 'accuracy' },
    MacroF1: { name: 'macro-f1' },
  };
  for (const [name, metric] of Object.entries(metrics)) {
    const random = new Random(7);
    const runs = Array.from({ length: RUNS }, () => watchSlices({ ...LINE, metric }, random));
    figures[`falseFlagRuns${name}`] = runs.filter(({ falsely }) => falsely).length / RUNS;
    say(`${name}: no gap, ${line(figures[`falseFlagRuns${name}`])} of the runs ever flagged a slice`);
  }
  const random = new Random(8);
  const gapped = Array.from({ length: RUNS }, () => watchSlices({ ...LINE, gap: 0.25 }, random));
  const found = gapped.flatMap(({ foundAt }) => foundAt ?? []);
  figures.foundGap25 = found.length / RUNS;
  figures.medianLabelsToFind = median(found);
  figures.falseFlagRunsBesideGap = gapped.filter(({ falsely }) => falsely).length / RUNS;
  return {
    name: 'slice-gaps',
    ratios: {},
    figures,
    baseline: `no gap at all: 13 slices of 4 tags, looked at every ${LINE.lookEvery} of ${LINE.labels} labels, ${RUNS} runs`,
  };
}

function line(share: number | undefined): string {
  return `${(100 * (share ?? 0)).toFixed(1)} %`;
}

/** By the four tags, in one word; four cells each: right and wrong of good and faulty parts. */
type Tagged = Map<string, Cell[]>;

interface Cell extends Omit<TaggedCount, 'count'> {
  count: number;
}

function note(tagged: Tagged, { faultShare, recall, falseAlarms, gap }: SlicedLine, random: Random): void {
  const pick = (values: readonly string[]) => values[Math.floor(random.uniform() * values.length)] ?? '';
  const tags = { shift: pick(SHIFTS), operator: pick(OPERATORS), product: pick(PRODUCTS), line: pick(LINES) };
  const truth = Number(random.uniform() < faultShare);
  const finds = recall - (tags.shift === 'b' ? gap : 0);
  const said = Number(random.uniform() < (truth === 1 ? finds : falseAlarms));
  const key = Object.values(tags).join(' ');
  const cells = tagged.get(key) ?? [0, 1, 2, 3].map((index) => cellOf(index, tags));
  const cell = cells[2 * truth + said];
  if (cell) cell.count += 1;
  tagged.set(key, cells);
}

function cellOf(index: number, tags: Tags): Cell {
  return { truth: index >> 1, said: index & 1, weight: 1, propensity: 1, keptShare: 1, count: 0, tags };
}
