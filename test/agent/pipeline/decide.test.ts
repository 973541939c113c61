import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, topLabels } from '../../../agent/pipeline/decide.ts';
import { Decider } from '../../../agent/pipeline/decider.ts';
import type { Decision } from '../../../protocol/manifest.ts';

const score = fc.float({ noNaN: true, noDefaultInfinity: true });

/** Labels of these scores, one after the other. */
function labelsOf(decision: Decision, scores: readonly number[]): number[] {
  const output = Float32Array.from(scores);
  const decider = new Decider(decision);
  return scores.map((_, row) => decider.decide(output, row).label);
}

describe('argmax', () => {
  const decision: Decision = { kind: 'argmax', labels: ['a', 'b', 'c'] };

  it('takes the largest output of a row, the first of equals', () => {
    const output = Float32Array.of(9, 9, 9, 0.25, 0.5, 0.5);
    expect(decide(decision, output, 1)).toEqual({ label: 1, score: 0.5 });
  });

  it('is the first of the top labels, which are those of a sort', () => {
    const rows = fc.array(score, { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 5 }), (row, count) => {
        const output = Float32Array.from(row);
        const top = topLabels(output, count);
        expect(top[0]).toEqual(decide(decision, output, 0));
        expect(top.map((each) => each.score)).toEqual([...output].sort((a, b) => b - a).slice(0, count));
        expect(new Set(top.map(({ label }) => label)).size).toBe(Math.min(3, count));
        for (const { label, score } of top) expect(output[label]).toBe(score);
      }),
    );
  });
});

describe('a threshold', () => {
  it('says the second label from the threshold on', () => {
    const decision: Decision = { kind: 'threshold', labels: ['ok', 'failure'], threshold: 0.5 };
    expect(labelsOf(decision, [0.25, 0.5, 0.49, 0.75])).toEqual([0, 1, 0, 1]);
  });

  it('with a release holds on until the score falls below that', () => {
    const decision: Decision = {
      kind: 'threshold',
      labels: ['ok', 'failure'],
      threshold: 0.75,
      release: 0.5,
    };
    expect(labelsOf(decision, [0.5, 0.75, 0.625, 0.5, 0.25, 0.625])).toEqual([0, 1, 1, 1, 0, 0]);
  });

  it('never changes its mind between release and threshold', () => {
    const between = fc.array(fc.float({ min: 0.5, max: 0.75, maxExcluded: true, noNaN: true }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.constantFrom(0, 1), between, (first, scores) => {
        const decision: Decision = { kind: 'threshold', labels: ['a', 'b'], threshold: 0.75, release: 0.5 };
        expect(new Set(labelsOf(decision, [first, ...scores]))).toEqual(new Set([first]));
      }),
    );
  });

  it('changes at most as often with a release as without', () => {
    const changes = (labels: readonly number[]) =>
      labels.filter((label, i) => label !== labels[i - 1]).length;
    fc.assert(
      fc.property(fc.array(score, { minLength: 1 }), score, score, (scores, one, other) => {
        const [release, threshold] = [Math.min(one, other), Math.max(one, other)];
        const plain: Decision = { kind: 'threshold', labels: ['a', 'b'], threshold };
        const held = changes(labelsOf({ ...plain, release }, scores));
        expect(held).toBeLessThanOrEqual(changes(labelsOf(plain, scores)));
      }),
    );
  });
});

describe('an anomaly score', () => {
  const decision = { kind: 'anomaly' as const, labels: ['usual', 'unusual'], unit: 'σ', higherIsWorse: true };

  it('is raised as by a threshold, and kept in its own unit', () => {
    expect(labelsOf({ ...decision, threshold: 3, release: 2 }, [2.5, 3, 2, 1.5])).toEqual([0, 1, 1, 0]);
    const output = Float32Array.of(4.5);
    expect(decide({ ...decision, threshold: 3 }, output, 0)).toEqual({ label: 1, score: 4.5 });
  });

  it('can be the worse the lower it is', () => {
    const likelihood = { ...decision, higherIsWorse: false, threshold: -10, release: -5 };
    expect(labelsOf(likelihood, [-4, -8, -10, -8, -5, -4, -9])).toEqual([0, 0, 1, 1, 1, 0, 0]);
  });
});

describe('the bands of a regression', () => {
  const decision: Decision = {
    kind: 'bands',
    labels: ['low', 'good', 'high'],
    edges: [1.5, 2.5],
    unit: 'mm',
  };

  it('begin at their edges, and the score is the value', () => {
    expect(labelsOf(decision, [-100, 1.25, 1.5, 2.25, 2.5, 100])).toEqual([0, 0, 1, 1, 2, 2]);
    expect(decide(decision, Float32Array.of(0, 2.25), 1)).toEqual({ label: 1, score: 2.25 });
  });

  it('never fall when the value rises, and every value has one', () => {
    const edges = fc
      .uniqueArray(score, { minLength: 1, maxLength: 8 })
      .map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(edges, fc.array(score, { minLength: 2 }), (cuts, values) => {
        const labels = ['', ...cuts].map(String);
        const ascending = Float32Array.from(values).sort();
        const bands = labelsOf({ kind: 'bands', labels, edges: cuts, unit: '' }, [...ascending]);
        for (const [i, band] of bands.entries()) {
          expect(band).toBeGreaterThanOrEqual(bands[i - 1] ?? 0);
          expect(band).toBeLessThanOrEqual(cuts.length);
        }
      }),
    );
  });
});
