import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { challengerDecides } from '../../../agent/pipeline/assign.ts';
import { rowReader } from '../../../agent/pipeline/sample-validator.ts';
import { isDue, Windower } from '../../../agent/pipeline/windower.ts';
import type { Sample } from '../../../agent/sources/source.ts';
import type { Manifest } from '../../../protocol/manifest.ts';

const input: Manifest['input'] = {
  kind: 'features',
  tensor: 'input',
  features: [
    { name: 'type', unit: '', categories: ['L', 'M', '3'] },
    { name: 'torque', unit: 'Nm', min: 0, max: 100 },
  ],
};

function sample(features: Sample['features'], tensor?: Sample['tensor']): Sample {
  return { source: 's', timeMs: 0, correlationId: null, features, ...(tensor ? { tensor } : {}) };
}

describe('sample validation', () => {
  const read = (features: Sample['features']) => {
    const row = new Float32Array(2);
    return { reason: rowReader(input).read(sample(features), row, 0), row: [...row] };
  };

  it('orders features as the manifest does, sends categories as their index, and ignores what it does not know', () => {
    expect(read({ extra: 1, torque: 41.5, type: 'M' })).toEqual({ reason: null, row: [1, 41.5] });
    expect(read({ torque: 1, type: 3 })).toEqual({ reason: null, row: [2, 1] });
    expect(read({ type: 'L', extra: 'x', torque: 2 })).toEqual({ reason: null, row: [0, 2] });
    expect(read({ type: 'L', torque: 2, extra: null })).toEqual({ reason: null, row: [0, 2] });
  });

  it('keeps a value outside the range of the manifest', () => {
    expect(read({ type: 'L', torque: -7 }).reason).toBeNull();
  });

  it.each([
    ['missing', { type: 'L' }, '"torque" is missing'],
    ['null', { type: 'L', torque: null }, '"torque" is missing'],
    ['text', { type: 'L', torque: 'n/a' }, '"torque" is the text "n/a", not a number'],
    ['NaN', { type: 'L', torque: Number.NaN }, '"torque" is NaN'],
    ['infinite', { type: 'L', torque: Number.NEGATIVE_INFINITY }, '"torque" is -Infinity'],
    ['infinite in float32', { type: 'L', torque: 1e300 }, '"torque" is 1e+300'],
    ['an unknown category', { type: 'XL', torque: 1 }, '"type" has the unknown category "XL"'],
  ])('rejects a value that is %s, and says which', (_what, features, reason) => {
    expect(read(features).reason).toBe(reason);
  });

  it('never lets a value through that is not finite', () => {
    const value = fc.oneof(fc.double(), fc.string(), fc.constant(null));
    fc.assert(
      fc.property(value, value, (type, torque) => {
        const { reason, row } = read({ type, torque });
        if (reason === null) expect(row.every(Number.isFinite)).toBe(true);
      }),
    );
  });

  it('takes only tensors of the manifest’s type and size', () => {
    const reader = rowReader({ kind: 'tensor', tensor: 'x', dtype: 'uint8', shape: [1, 2, 2] });
    const into = new Uint8Array(8);
    expect(reader.read(sample({}, Uint8Array.of(1, 2, 3, 255)), into, 4)).toBeNull();
    expect([...into]).toEqual([0, 0, 0, 0, 1, 2, 3, 255]);
    expect(reader.read(sample({}, Uint8Array.of(1)), into, 0)).toContain('1 values, not 4');
    expect(reader.read(sample({}, Float32Array.of(1, 2, 3, 4)), into, 0)).toContain('float32, not uint8');
    expect(reader.read(sample({ a: 1 }), into, 0)).toContain('no tensor');
  });
});

describe('windows', () => {
  it('are the last values, oldest first, also of a moment that is past', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 300 }),
        fc.integer({ min: 0, max: 9000 }),
        fc.integer({ min: 0, max: 3000 }),
        (length, more, back) => {
          const total = length + more;
          const windower = new Windower();
          for (let i = 1; i <= total; i++) expect(windower.push(i)).toBe(i);
          const place = Math.max(length, total - back);
          const into = new Float32Array(length + 1);
          windower.copy(place, length, into, 1);
          expect([...into.subarray(1)]).toEqual(Array.from({ length }, (_, i) => place - length + 1 + i));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are due when they are full, and every stride values from then on', () => {
    const due = [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((place) => isDue({ length: 4, stride: 3 }, place));
    expect(due).toEqual([4, 7]);
  });
});

describe('the share of a challenger', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `part-${i}`);
  const chosen = (rollout: string, share: number) =>
    new Set(keys.filter((key) => challengerDecides(rollout, key, share)));

  it.each([0, 0.05, 0.5, 1])('of %d is that of the samples, consecutive serial numbers included', (share) => {
    const sigma = Math.sqrt(share * (1 - share) * keys.length);
    expect(Math.abs(chosen('r1', share).size - share * keys.length)).toBeLessThanOrEqual(4 * sigma);
  });

  it('keeps its samples when it grows', () => {
    const larger = chosen('r1', 0.2);
    for (const key of chosen('r1', 0.05)) expect(larger).toContain(key);
  });

  it('is another part of the samples in another rollout', () => {
    const other = chosen('r2', 0.2);
    const both = [...chosen('r1', 0.2)].filter((key) => other.has(key));
    expect(both.length).toBeGreaterThan(0.03 * keys.length);
    expect(both.length).toBeLessThan(0.05 * keys.length);
  });
});
