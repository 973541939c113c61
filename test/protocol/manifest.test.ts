import { describe, expect, it } from 'vitest';
import { type Decision, goldenSchema, manifestSchema } from '../../protocol/manifest.ts';
import { firstIssues } from '../../protocol/messages.ts';
import { makePackage, manifestOf } from '../support/packages.ts';

const base = manifestOf(makePackage());

function problemOf(change: object): string | null {
  const parsed = manifestSchema.safeParse({ ...base, ...change });
  return parsed.success ? null : firstIssues(parsed.error);
}

const deciding = (decision: unknown) => problemOf({ output: { tensor: 'y', decision } });

describe('the decisions of a manifest', () => {
  const alarm = { labels: ['ok', 'bad'], threshold: 0.5 };

  it.each<[string, Decision]>([
    ['top labels', { kind: 'argmax', labels: ['a', 'b', 'c'], topK: 2 }],
    ['hysteresis', { kind: 'threshold', ...alarm, release: 0.4 }],
    ['bands', { kind: 'bands', labels: ['low', 'good', 'high'], edges: [1, 2], unit: 'mm' }],
    ['an anomaly score', { kind: 'anomaly', ...alarm, unit: 'σ', higherIsWorse: true }],
    ['a likelihood', { kind: 'anomaly', ...alarm, release: 0.6, unit: '', higherIsWorse: false }],
  ])('can be %s', (_what, decision) => {
    expect(deciding(decision)).toBeNull();
  });

  it.each([
    [
      'a release above the threshold',
      { kind: 'threshold', ...alarm, release: 0.6 },
      'not above the threshold',
    ],
    ['a release on the wrong side', { kind: 'anomaly', ...alarm, release: 0.6 }, 'unusual side'],
    ['edges that fall', { kind: 'bands', labels: ['a', 'b', 'c'], edges: [2, 1] }, 'not ascending'],
    [
      'too few edges',
      { kind: 'bands', labels: ['a', 'b', 'c'], edges: [2] },
      'one less than there are labels',
    ],
    ['a word that it does not know', { kind: 'threshold', ...alarm, relase: 0.4 }, 'relase'],
  ])('cannot have %s', (_what, decision, words) => {
    expect(deciding(decision)).toContain(words);
  });
});

describe('the inputs of a manifest', () => {
  const image = {
    kind: 'image',
    tensor: 'x',
    width: 224,
    height: 224,
    channels: 3,
    layout: 'nchw',
    fit: 'cover',
  };
  const x = { name: 'x', dtype: 'int64', shape: [-1, 128] };

  it.each([
    ['pictures', image],
    ['several tensors', { kind: 'tensors', tensors: [x, { name: 'y', dtype: 'string', shape: [] }] }],
  ])('can be %s', (_what, input) => {
    expect(problemOf({ input })).toBeNull();
  });

  it.each([
    ['pictures with an alpha channel', { ...image, channels: 4 }, 'channels'],
    ['two tensors of one name', { kind: 'tensors', tensors: [x, x] }, 'same name'],
    ['an unknown type', { kind: 'tensors', tensors: [{ ...x, dtype: 'complex64' }] }, 'dtype'],
    ['an empty dimension', { kind: 'tensors', tensors: [{ ...x, shape: [0] }] }, 'shape'],
  ])('cannot be %s', (_what, input, words) => {
    expect(problemOf({ input })).toContain(words);
  });
});

describe('golden samples', () => {
  it('have one kind of input each', () => {
    const of = (sample: object) => goldenSchema.safeParse({ samples: [{ output: [1], ...sample }] }).success;
    expect(of({ input: [1] })).toBe(true);
    expect(of({ image: 'AAAA' })).toBe(true);
    expect(of({ tensors: [{ name: 'x', shape: [1], data: ['9007199254740993'] }] })).toBe(true);
    expect(of({})).toBe(false);
    expect(of({ input: [1], image: 'AAAA' })).toBe(false);
    expect(of({ image: 'no base64!' })).toBe(false);
  });
});
