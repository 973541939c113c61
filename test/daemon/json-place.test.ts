import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonErrorPlace } from '../../daemon/json-place.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the place where a JSON text is broken', () => {
  it('finds none in any JSON', () => {
    fc.assert(fc.property(fc.json(), (text) => jsonErrorPlace(text) === undefined));
  });

  it('agrees with JSON.parse on whether a mangled text is JSON', () => {
    const mangled = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', '[', ' ', '0', '\\', '\n', 'é', '\u2028', '\u007f', '\u0001'),
      )
      .map(([text, at, put]) => {
        const i = at % (text.length + 1);
        return text.slice(0, i) + put + text.slice(i + (put === '' ? 1 : 0));
      });
    fc.assert(
      fc.property(mangled, (text) => (jsonErrorPlace(text) === undefined) === isJson(text)),
      { numRuns: 2000 },
    );
  });

  it('survives nesting that would exhaust the stack', () => {
    expect(jsonErrorPlace('['.repeat(200_000))).toEqual({ line: 1, column: 200_001 });
  });
});
