/** What a person reads of a refused configuration; `test/agent/config` and `test/sync-server/config` read whole files. */
import { describe, expect, it } from 'vitest';
import { dottedPath, shortValue } from '../../daemon/config-errors.ts';

describe('a wrong value in words', () => {
  it.each([
    ['mqtt://user:pass@broker', '"mqtt://…@broker"'],
    ['mqtt://user:pa/ss@broker', '"mqtt://…@broker"'],
    ['mqtt://user:p@ss@broker', '"mqtt://…@broker"'],
  ])('hides who and with what password stands in %s', (address, words) => {
    expect(shortValue(address)).toBe(words);
  });

  it('is never long', () => {
    expect(shortValue('x'.repeat(10_000))).toHaveLength(39);
    expect(shortValue({ deep: ['x'.repeat(10_000)] }).length).toBeLessThanOrEqual(40);
    expect(shortValue(undefined)).toBe('undefined');
  });

  it('is soon said, however deep or long it is', () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as unknown;
    expect(shortValue(deep)).toBe('"nested too deep"');
    const startedMs = performance.now();
    expect(shortValue('://'.repeat(300_000)).length).toBeLessThanOrEqual(40);
    expect(performance.now() - startedMs).toBeLessThan(1000);
  });

  it('is found by its path, with quotes where a key needs them', () => {
    expect(dottedPath(['sources', 'my file', 'columns', 0])).toBe('sources["my file"].columns[0]');
    expect(dottedPath([])).toBe('(the whole file)');
  });
});
