import { describe, expect, it } from 'vitest';
import { judgeDrift, openDrifts } from '../../../sync-server/dataset/retrain-proposal.ts';
import type { DriftNote } from '../../../sync-server/store/drift-labels.ts';

function note(timeMs: number, over: Partial<DriftNote> = {}): DriftNote {
  return { device: 'mill-1', timeMs, slot: 'mill', feature: 'torque', drifting: true, ...over };
}

describe('what drifts still', () => {
  it('is what began and did not end, by device and feature', () => {
    const notes = [
      note(1),
      note(2, { feature: 'wear' }),
      note(3, { device: 'mill-2' }),
      note(4, { drifting: false }),
      note(5, { slot: 'press', feature: 'heat' }),
    ];
    expect(openDrifts(notes)).toEqual([
      { slot: 'mill', sinceMs: 2, features: ['wear', 'torque'], devices: ['mill-1', 'mill-2'] },
      { slot: 'press', sinceMs: 5, features: ['heat'], devices: ['mill-1'] },
    ]);
  });

  it('counts from its first word, and from the newer one after it had ended', () => {
    expect(openDrifts([note(1), note(2)])[0]?.sinceMs).toBe(1);
    expect(openDrifts([note(1), note(2, { drifting: false }), note(3)])[0]?.sinceMs).toBe(3);
    expect(openDrifts([note(2, { drifting: false })])).toEqual([]);
  });
});

describe('the verdict on a drift', () => {
  const [drift] = openDrifts([note(100)]);
  const judge = (labelled: number, withFeatures: number, ...rollouts: [number, string][]) =>
    drift &&
    judgeDrift(
      drift,
      { labelled, withFeatures },
      rollouts.map(([startedAtMs, state]) => ({ slot: 'mill', state, startedAtMs })),
      500,
    );

  it('waits for labels', () => {
    expect(judge(499, 499)).toBe('wait');
    expect(judge(500, 500)).toBe('train');
  });

  it('says that features are missing, where labels alone are enough', () => {
    expect(judge(500, 499)).toBe('features-missing');
  });

  it.each(['advancing', 'holding', 'paused', 'done'])('waits while an answer to it is %s', (state) => {
    expect(judge(500, 500, [100, state])).toBe('wait');
    expect(judge(500, 500, [99, state])).toBe('train');
  });

  it.each(['rolled-back', 'aborted'])('proposes again when the answer was %s', (state) => {
    expect(judge(500, 500, [100, state])).toBe('train');
  });
});
