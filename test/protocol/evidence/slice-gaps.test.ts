import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import { watchSlices } from '../../../bench/slice-gaps.ts';
import type { TaggedCount } from '../../../protocol/evidence/outcome-count.ts';
import { MAX_VALUES, sliceGaps } from '../../../protocol/evidence/slice-gaps.ts';

const ACCURACY = { name: 'accuracy' } as const;

const shift = (value: string, right: number, wrong: number): TaggedCount[] => [
  outcome(1, 1, right, { shift: value }),
  outcome(0, 1, wrong, { shift: value }),
];

describe('slices', () => {
  it('sets each against those with another value of the same tag', () => {
    const slices = sliceGaps(ACCURACY, [
      ...shift('early', 90, 10),
      ...shift('late', 60, 40),
      ...shift('late', 30, 10),
    ]);
    expect(slices.map(({ key, value, estimate, rest }) => [key, value, estimate.value, rest.value])).toEqual([
      ['shift', 'late', expect.closeTo(90 / 140, 9), expect.closeTo(0.9, 9)],
      ['shift', 'early', expect.closeTo(0.9, 9), expect.closeTo(90 / 140, 9)],
    ]);
  });

  it('flags a gap that is no chance, and only the slice that does worse', () => {
    const slices = sliceGaps(ACCURACY, [...shift('early', 950, 50), ...shift('late', 800, 200)]);
    expect(slices.map(({ value, flagged }) => [value, flagged])).toEqual([
      ['late', true],
      ['early', false],
    ]);
    expect(slices[0]?.gapHigh).toBeLessThan(0);
  });

  it('says nothing of slices with too few labels, however bad they look', () => {
    const [worst] = sliceGaps(ACCURACY, [...shift('early', 950, 50), ...shift('late', 1, 20)]);
    expect(worst).toMatchObject({ value: 'late', flagged: false, tooFew: true });
  });

  it('asks for more where more slices are looked at', () => {
    const gap = [...shift('early', 285, 15), ...shift('late', 260, 40)];
    const flags = (tagged: TaggedCount[]) =>
      sliceGaps(ACCURACY, tagged).some(({ value, flagged }) => value === 'late' && flagged);
    expect(flags(gap)).toBe(true);
    const others = Array.from({ length: 15 }, (_, i) => `op-${i}`).flatMap((operator) => [
      outcome(1, 1, 190, { operator }),
      outcome(0, 1, 10, { operator }),
    ]);
    expect(flags([...gap, ...others])).toBe(false);
  });

  it('has no slices where all carry the same tags or none', () => {
    expect(sliceGaps(ACCURACY, shift('early', 90, 10))).toEqual([]);
    expect(sliceGaps(ACCURACY, [outcome(1, 1, 9, {})])).toEqual([]);
  });

  it('looks at the values with the most labels where a tag has thousands', () => {
    const serials = Array.from({ length: 100 }, (_, i) => shift(`serial-${i}`, 10 + i, 1)).flat();
    const slices = sliceGaps(ACCURACY, serials);
    expect(slices).toHaveLength(MAX_VALUES);
    expect(slices.map(({ value }) => value)).toContain('serial-99');
    expect(slices.map(({ value }) => value)).not.toContain('serial-0');
  });

  it('corrects for parts that are seldom seen', () => {
    const early = { shift: 'early' };
    const slices = sliceGaps(ACCURACY, [
      { ...outcome(1, 1, 50, early), propensity: 0.1 },
      outcome(0, 1, 500, early),
      ...shift('late', 500, 500),
    ]);
    expect(slices.map(({ estimate }) => estimate.value)).toEqual([
      expect.closeTo(0.5, 9),
      expect.closeTo(0.5, 9),
    ]);
  });

  it('seldom calls chance a gap though it is looked at all day, and finds a real one', () => {
    const line = {
      metric: { name: 'f-beta', beta: 2 } as const,
      faultShare: 0.2,
      recall: 0.85,
      falseAlarms: 0.05,
      labels: 2500,
      lookEvery: 250,
    };
    const random = new Random(3);
    const chance = Array.from({ length: 30 }, () => watchSlices({ ...line, gap: 0 }, random));
    expect(chance.filter(({ falsely }) => falsely).length).toBeLessThanOrEqual(3);
    const real = Array.from({ length: 10 }, () => watchSlices({ ...line, gap: 0.3 }, random));
    expect(real.filter(({ foundAt }) => foundAt !== null).length).toBeGreaterThanOrEqual(9);
  });
});

function outcome(truth: number, said: number, count: number, tags: TaggedCount['tags']): TaggedCount {
  return { truth, said, weight: 1, propensity: 1, keptShare: 1, count, tags };
}
