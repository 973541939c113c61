import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floatText } from '../../../cli/batch/float-text.ts';

describe('the text of a float32', () => {
  it.each([
    [0.1, '0.1'],
    [0.5, '0.5'],
    [0.65878177, '0.65878177'],
    [0, '0'],
    [1, '1'],
    [-2.25, '-2.25'],
    [3.4028234663852886e38, '3.4028235e+38'],
  ])('of %d is %s', (value, text) => {
    expect(floatText(Math.fround(value))).toBe(text);
  });

  it('means the same float32, in no more than 9 digits', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.float({ noNaN: true, noDefaultInfinity: true }),
          fc.float({ min: 0, max: 1, noNaN: true }),
        ),
        (value) => {
          const text = floatText(value);
          expect(Math.fround(Number(text)) === value).toBe(true);
          expect(text.replace(/e.*|[-.]/g, '').replace(/^0+|0+$/g, '').length).toBeLessThanOrEqual(9);
        },
      ),
    );
  });
});
