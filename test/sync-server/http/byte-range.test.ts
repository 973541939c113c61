import { describe, expect, it } from 'vitest';
import { parseByteRange } from '../../../sync-server/http/byte-range.ts';

describe('a range of 100 bytes', () => {
  it.each<[string | undefined, ReturnType<typeof parseByteRange>]>([
    [undefined, undefined],
    ['bytes=0-9', { start: 0, end: 10 }],
    ['Bytes=0-0', { start: 0, end: 1 }],
    ['bytes=90-', { start: 90, end: 100 }],
    ['bytes=90-500', { start: 90, end: 100 }],
    ['bytes=-5', { start: 95, end: 100 }],
    ['bytes=-500', { start: 0, end: 100 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=100-200', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=9-0', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,5-6', undefined],
    ['bytes=a-b', undefined],
    ['lines=0-9', undefined],
    ['bytes=0x1-9', undefined],
    [`bytes=${'9'.repeat(400)}-`, undefined],
  ])('named %s is %o', (header, expected) => {
    expect(parseByteRange(header, 100)).toEqual(expected);
  });

  it('of an empty file is never there', () => {
    expect(parseByteRange('bytes=0-', 0)).toBe('unsatisfiable');
    expect(parseByteRange('bytes=-1', 0)).toBe('unsatisfiable');
  });
});
