import { describe, expect, it } from 'vitest';
import { shownCurve } from '../../../sync-server/rollouts/curve.ts';
import { begin, better, challenged } from './toy-rollout.ts';

describe('what a rollout shows of its evidence', () => {
  it('is the difference with its interval, what is needed and how fast it comes', () => {
    const { fleet, step } = begin();
    step();
    fleet.nowMs += 60_000;
    const { evidence } = step({ truth: 1, champion: 1, challenger: 1, weight: 1, count: 50 });
    expect(evidence).toMatchObject({ pairs: 50, needed: 198, difference: { mean: 0 } });
    expect(evidence.difference?.low).toBeLessThan(-0.02);
    expect(evidence.perDay).toBe(71_000);
  });

  it('is a curve that narrows, marked by stages, and never long', () => {
    const { step } = begin();
    step();
    for (let i = 0; i < 300; i++) step({ truth: 1, champion: 1, challenger: 1, weight: 1, count: 1 + i });
    const { curve, evidence } = step();
    expect(curve.length).toBeLessThanOrEqual(80);
    expect(curve.length).toBeGreaterThan(10);
    expect(curve.at(-1)?.pairs).toBe(evidence.pairs);
    const pairs = curve.map((point) => point.pairs);
    expect(pairs).toEqual(pairs.toSorted((a, b) => a - b));
    expect(new Set(curve.map((point) => point.stage)).size).toBeGreaterThan(1);
    const widths = curve.map(({ low, high }) => high - low);
    expect(widths.at(-1)).toBeLessThan(widths[0] ?? 0);
  });

  it('does not change while nothing comes, so that pages are left alone', () => {
    const { fleet, step } = begin();
    step();
    step({ truth: 1, champion: 1, challenger: 1, weight: 1, count: 50 });
    fleet.nowMs += 60_000;
    const { curve } = step();
    expect(step().curve).toEqual(curve);
    expect(curve).toHaveLength(1);
  });

  it('states inputs that drift on its devices, and holds them against nobody', () => {
    const { fleet, step } = begin();
    step();
    const [canary = ''] = challenged(fleet);
    fleet.drifting = [
      { device: canary, feature: 'torque_nm' },
      { device: 'elsewhere', feature: 'torque_nm' },
    ];
    const view = step(...better);
    expect(view.drifting).toEqual([{ device: canary, feature: 'torque_nm' }]);
    expect(view.stage).toBe(1);
  });
});

describe('the curve of a rollout that has ended', () => {
  const point = (i: number, stage: number) => ({ timeMs: i, stage, pairs: i, mean: 0, low: -1, high: 1 });

  it('has fewer points, with the end and every stage still in it', () => {
    const curve = Array.from({ length: 80 }, (_, i) => point(i, Math.floor(i / 30)));
    expect(shownCurve({ curve, state: 'holding' })).toEqual(curve);
    const shown = shownCurve({ curve, state: 'done' });
    expect(shown.length).toBeLessThanOrEqual(24);
    expect(shown.at(-1)).toEqual(curve.at(-1));
    expect(new Set(shown.map(({ stage }) => stage))).toEqual(new Set([0, 1, 2]));
  });

  it('stays as it is where every point begins a stage', () => {
    const curve = Array.from({ length: 30 }, (_, i) => point(i, i));
    expect(shownCurve({ curve, state: 'aborted' })).toEqual(curve);
  });
});
