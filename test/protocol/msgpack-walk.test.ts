import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countContainers } from '../../protocol/msgpack-walk.ts';

/** Arrays and maps of a value, counted by walking over the value itself. */
function containersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + containersOf(each), 1);
}

const leaf = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.constant(null),
  fc.string({ maxLength: 300, size: 'max' }),
  fc.uint8Array({ maxLength: 300, size: 'max' }),
  fc.constantFrom('x'.repeat(70_000), new Uint8Array(70_000), 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 65_535, -129),
);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, tie('array'), tie('map')),
  array: fc.array(tie('value'), { maxLength: 20 }),
  map: fc.dictionary(fc.string({ maxLength: 40 }), tie('value'), { maxKeys: 20, noNullPrototype: true }),
}));

describe('counting arrays and maps', () => {
  it('gives as many as there are, whatever stands in them', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(countContainers(encode(value), 1_000_000)).toBe(containersOf(value));
      }),
    );
  });

  it('knows the long forms, too', () => {
    const long = [
      Array(20).fill([]),
      Array(70_000).fill(0),
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i, {}])),
    ];
    expect(countContainers(encode(long), 1000)).toBe(1 + 21 + 1 + 21);
    expect(countContainers(encode(new Date(0)), 10)).toBe(0);
  });

  it('stops soon above what is allowed', () => {
    expect(countContainers(new Uint8Array(1_000_000).fill(0x91), 10)).toBe(11);
  });

  it('comes to an end with any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
        expect(countContainers(junk, 1000)).toBeLessThanOrEqual(junk.length);
      }),
    );
  });
});
