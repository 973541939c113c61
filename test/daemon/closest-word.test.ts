import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closestWord, editDistance } from '../../daemon/closest-word.ts';

describe('did you mean', () => {
  it.each([
    ['hots', ['host', 'port'], 'host'],
    ['prot', ['host', 'port'], 'port'],
    ['keepfeatures', ['keepFeatures'], 'keepFeatures'],
    ['passwrdfile', ['passwordFile', 'broker'], 'passwordFile'],
    ['banana', ['host', 'port'], undefined],
    ['xy', ['ab'], undefined],
  ])('for %s of %j is %s', (word, known, meant) => {
    expect(closestWord(word, known)).toBe(meant);
  });

  it('measures a distance: zero only for the same word, symmetric, at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(editDistance(b, a)).toBe(distance);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
