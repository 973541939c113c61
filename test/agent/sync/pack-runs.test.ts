/** What a device asks of a pack: what it misses, in few requests, and nothing that it has. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { packRuns } from '../../../agent/sync/pack-runs.ts';
import type { Span } from '../../../protocol/pack.ts';

const MAX_BYTES = 1000;

/** Chunks back to back, with which of them are missing. */
const packs = fc
  .array(fc.record({ sizeBytes: fc.integer({ min: 1, max: 1500 }), isMissing: fc.boolean() }))
  .map((chunks) => {
    const layout = new Map<string, Span>();
    let start = 12;
    for (const [i, { sizeBytes }] of chunks.entries()) {
      layout.set(`${i}`, { start, end: start + sizeBytes });
      start += sizeBytes;
    }
    const missing = new Set([...layout.keys()].filter((_, i) => chunks[i]?.isMissing));
    return { layout, missing };
  });

it('asks for every byte that is missing, and for no other', () => {
  fc.assert(
    fc.property(packs, ({ layout, missing }) => {
      const runs = packRuns(layout, missing, MAX_BYTES);
      const asked = runs.flatMap(({ chunks }) => chunks.map(([sha256]) => sha256));
      expect(asked).toEqual([...missing]);
      const bytes = runs.reduce((sum, { start, end }) => sum + end - start, 0);
      const wanted = [...missing].map((sha256) => layout.get(sha256) as Span);
      expect(bytes).toBe(wanted.reduce((sum, { start, end }) => sum + end - start, 0));
    }),
  );
});

it('never asks for more at once than it may, unless one chunk has more', () => {
  fc.assert(
    fc.property(packs, ({ layout, missing }) => {
      for (const { start, end, chunks } of packRuns(layout, missing, MAX_BYTES)) {
        expect(end - start <= MAX_BYTES || chunks.length === 1).toBe(true);
      }
    }),
  );
});

it('asks for neighbours together', () => {
  const layout = new Map([
    ['a', { start: 0, end: 10 }],
    ['b', { start: 10, end: 20 }],
    ['c', { start: 20, end: 30 }],
    ['d', { start: 30, end: 40 }],
  ]);
  const runs = packRuns(layout, new Set(['a', 'b', 'd']), MAX_BYTES);
  expect(runs.map(({ start, end }) => [start, end])).toEqual([
    [0, 20],
    [30, 40],
  ]);
});
