import { describe, expect, it } from 'vitest';
import { InputHealth } from '../../../agent/monitor/input-health.ts';
import { INPUT_HEALTH } from '../../../protocol/records.ts';

const deciles = { mean: 40, std: 10, edges: [20, 30, 40, 50, 60], shares: [0.1, 0.2, 0.2, 0.2, 0.2, 0.1] };
const features = [
  { name: 'torque', unit: 'Nm', min: 0, max: 100 },
  { name: 'type', unit: '', categories: ['L', 'M', 'H'] },
  { name: 'switch', unit: '', min: 0, max: 1 },
];
const baseline = {
  rows: 1000,
  labelShares: [1],
  features: [
    { name: 'torque', ...deciles },
    { name: 'type', mean: 0.5, std: 0.7, edges: [0.5, 1.5], shares: [0.6, 0.3, 0.1] },
    { name: 'switch', mean: 0.5, std: 0.5, edges: [0.5], shares: [0.5, 0.5] },
  ],
};

function healthy(): InputHealth {
  return new InputHealth(features, baseline);
}

describe('input health', () => {
  it('is 0 for a sample inside its ranges, limits included', () => {
    const health = healthy();
    expect(health.check([0, 0, 1], 1000)).toBe(0);
    expect(health.check([100, 2, 0], 2000)).toBe(0);
    expect(health.faults()).toEqual([]);
  });

  it('flags a missing value and one out of range, and counts them by feature', () => {
    const health = healthy();
    expect(health.check([100.5, 0, 0], 1000)).toBe(INPUT_HEALTH.outOfRange);
    expect(health.check([Number.NaN, 0, -1], 1000)).toBe(INPUT_HEALTH.missing | INPUT_HEALTH.outOfRange);
    expect(health.faults()).toEqual([
      { feature: 'torque', missing: 1, outOfRange: 1, stuck: 0 },
      { feature: 'switch', missing: 0, outOfRange: 1, stuck: 0 },
    ]);
  });

  it('calls a varying feature stuck when it repeats, until it moves; never a category or a switch', () => {
    const health = healthy();
    const bits = Array.from({ length: 100 }, (_, i) => health.check([41, 1, 1], i));
    expect(bits.indexOf(INPUT_HEALTH.stuck)).toBe(59);
    expect(bits.slice(59).every((bit) => bit === INPUT_HEALTH.stuck)).toBe(true);
    expect(health.check([41.1, 1, 1], 100)).toBe(0);
    expect(health.faults()).toEqual([{ feature: 'torque', missing: 0, outOfRange: 0, stuck: 41 }]);
  });

  it('calls the first sample after an unusual silence stale, and no other', () => {
    const health = healthy();
    let timeMs = 0;
    const next = (gapMs: number) => {
      timeMs += gapMs;
      return health.check([timeMs % 97, 0, 0], timeMs);
    };
    for (let i = 0; i < 30; i++) expect(next(100)).toBe(0);
    expect(next(4999)).toBe(0);
    expect(next(20_000)).toBe(INPUT_HEALTH.stale);
    expect(next(100)).toBe(0);
    expect(health.staleCount()).toBe(1);
  });

  it('does not call a slow source stale, nor one whose clock steps back', () => {
    const health = healthy();
    for (let i = 0; i < 50; i++) expect(health.check([i, 0, 0], i * 60_000)).toBe(0);
    expect(health.check([1, 0, 0], 5)).toBe(0);
  });
});
