/** A package as one file: where each chunk stands in it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { encodePackTable, packOrder, parsePackTable, tableSpan } from '../../protocol/pack.ts';
import { chunkPackage } from '../../protocol/package-index.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => sha256Hex(`${i}`));

describe('a pack', () => {
  it('has its table first, then its chunks back to back', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: LIMITS.messageBytes }), { maxLength: 50 });
    fc.assert(
      fc.property(sizes, (encodedBytes) => {
        const order = names(encodedBytes.length);
        const spans = parsePackTable(order, encodePackTable(encodedBytes));
        let at = tableSpan(order.length).end;
        for (const [i, sha256] of order.entries()) {
          const size = encodedBytes[i] ?? 0;
          expect(spans.get(sha256)).toEqual({ start: at, end: at + size });
          at += size;
        }
      }),
    );
  });

  it('has a chunk that two files share once', () => {
    const shared = Buffer.from('shared');
    const { index } = chunkPackage(
      new Map([
        ['a', shared],
        ['b', Buffer.from('other')],
        ['c', shared],
      ]),
    );
    expect(packOrder(index)).toEqual([sha256Hex('shared'), sha256Hex('other')]);
  });

  it.each<[string, Buffer]>([
    ['is too short', Buffer.alloc(7)],
    ['is too long', Buffer.alloc(12)],
    ['lists a chunk of nothing', encodePackTable([10, 0])],
    ['lists a chunk larger than a message', encodePackTable([10, LIMITS.messageBytes + 1])],
  ])('whose table %s is refused', (_, table) => {
    expect(() => parsePackTable(names(2), table)).toThrowError(
      expect.objectContaining({ code: 'PAYLOAD_MALFORMED' }),
    );
  });
});
