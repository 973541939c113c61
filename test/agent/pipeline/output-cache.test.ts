import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cacheKey, OutputCache } from '../../../agent/pipeline/output-cache.ts';

const output = (value: number, width = 4) => new Float32Array(width).fill(value);

describe('the cache of outputs', () => {
  it('never holds more than it may, and never gives the output of another key', () => {
    const step = fc.record({ key: fc.nat(30), width: fc.integer({ min: 1, max: 200 }), isGet: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 300, max: 5000 }), (steps, maxBytes) => {
        const cache = new OutputCache(maxBytes);
        for (const { key, width, isGet } of steps) {
          if (isGet) expect(cache.get(`k${key}`)?.[0] ?? key).toBe(key);
          else cache.set(`k${key}`, output(key, width));
          expect(cache.bytes).toBeLessThanOrEqual(maxBytes);
          expect(cache.bytes).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('lets go first of what was not asked for longest', () => {
    const cache = new OutputCache(3 * (250 + 16));
    for (const key of ['a', 'b', 'c']) cache.set(key, output(1));
    cache.get('a');
    cache.set('d', output(1));
    expect(['a', 'b', 'c', 'd'].filter((key) => cache.get(key))).toEqual(['a', 'c', 'd']);
    expect(cache.evictions).toBe(1);
  });

  it('keeps a copy: what the engine does with its buffer later changes nothing', () => {
    const cache = new OutputCache(10_000);
    const values = output(1);
    cache.set('a', values);
    values.fill(9);
    expect(cache.get('a')).toEqual(output(1));
  });

  it('tells rows apart by every byte, and models too', () => {
    const rows = [Float32Array.from([1, 0]), Float32Array.from([1, -0]), Float32Array.from([0, 1])];
    const keys = rows.flatMap((row) => [cacheKey('m1', row), cacheKey('m2', row)]);
    expect(new Set(keys).size).toBe(6);
    const inside = Float32Array.from([9, 1, 0, 9]).subarray(1, 3);
    expect(cacheKey('m1', inside)).toBe(keys[0]);
  });
});
