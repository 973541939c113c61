import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeyRange, type Probes, takeReadable } from '../../../agent/store/salvage/key-ranges.ts';

const UNREADABLE = new Error('unreadable');
const KEYS_A_PAGE = 10;

/** A table as a tree of pages would give it: whoever comes to a bad page learns nothing. */
function probesOf(keys: readonly number[], badPages: ReadonlySet<number>, taken: number[]): Probes {
  const pages: number[][] = [];
  for (let i = 0; i < keys.length; i += KEYS_A_PAGE) pages.push(keys.slice(i, i + KEYS_A_PAGE));
  const read = (page: number): readonly number[] => {
    if (badPages.has(page)) throw UNREADABLE;
    return pages[page] ?? [];
  };
  const pageAt = (key: number) =>
    Math.max(
      0,
      pages.findLastIndex((page) => (page[0] ?? 0) <= key),
    );
  return {
    first: (from) => {
      for (let page = pageAt(from); page < pages.length; page++) {
        const key = read(page).find((each) => each >= from);
        if (key !== undefined) return key;
      }
      return undefined;
    },
    last: (to) => {
      for (let page = pageAt(to); page >= 0 && pages.length > 0; page--) {
        const key = read(page).findLast((each) => each <= to);
        if (key !== undefined) return key;
      }
      return undefined;
    },
    take: (from, to) => {
      const found: number[] = [];
      for (let page = pageAt(from); page <= pageAt(to) && page < pages.length; page++) {
        found.push(...read(page).filter((key) => key >= from && key <= to));
      }
      taken.push(...found);
    },
    isUnreadable: (cause) => cause === UNREADABLE,
  };
}

const isIn = (ranges: readonly KeyRange[], key: number) =>
  ranges.some(({ from, to }) => key >= from && key <= to);

describe('the walk around bad pages', () => {
  it('takes each key once, or tells that it is lost', () => {
    const tables = fc.record({
      start: fc.integer({ min: 1, max: 20_000 }),
      count: fc.integer({ min: 0, max: 300 }),
      bad: fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(tables, ({ start, count, bad }) => {
        const keys = Array.from({ length: count }, (_, i) => start + i);
        const taken: number[] = [];
        const lost = takeReadable(probesOf(keys, new Set(bad), taken), start + count - 1);
        expect(new Set(taken).size).toBe(taken.length);
        for (const key of keys) expect([key, taken.includes(key) !== isIn(lost, key)]).toEqual([key, true]);
      }),
    );
  });

  it('loses no more than the bad pages hold', () => {
    const keys = Array.from({ length: 1000 }, (_, i) => i + 501);
    for (const bad of [[0], [50], [99], [0, 99], [0, 1, 50, 98, 99]]) {
      const taken: number[] = [];
      takeReadable(probesOf(keys, new Set(bad), taken), 1500);
      expect([bad, taken.length]).toEqual([bad, 1000 - KEYS_A_PAGE * bad.length]);
    }
  });

  it('tells of what was once there behind its end', () => {
    expect(takeReadable(probesOf([1, 2, 3], new Set(), []), 5)).toEqual([{ from: 4, to: 5 }]);
  });

  it('is ended by an error that says nothing of damage', () => {
    const full = new Error('no room');
    const probes = {
      ...probesOf([1], new Set(), []),
      take: () => {
        throw full;
      },
    };
    expect(() => takeReadable(probes, 1)).toThrow(full);
  });
});
