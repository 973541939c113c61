/** Content-defined cuts: what two versions of a file share, they share as chunks. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkEnds } from '../../protocol/content-chunks.ts';
import { sha256Hex } from '../../protocol/keys.ts';

const SIZES = { minBytes: 256, normalBytes: 1024, maxBytes: 4096 };

/** Bytes that are the same on every machine and look random. */
function noise(sizeBytes: number, seed: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(sizeBytes / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, sizeBytes);
}

function chunksOf(bytes: Buffer): string[] {
  let start = 0;
  return chunkEnds(bytes, SIZES).map((end) => {
    const hash = sha256Hex(bytes.subarray(start, end));
    start = end;
    return hash;
  });
}

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 20_000 }),
  fc.tuple(fc.nat(20_000), fc.nat()).map(([sizeBytes, seed]) => noise(sizeBytes, seed)),
  // All alike: no content to cut by.
  fc.tuple(fc.nat(20_000), fc.nat(255)).map(([sizeBytes, byte]) => Buffer.alloc(sizeBytes, byte)),
);

describe('content-defined cuts', () => {
  it('cover the bytes without gaps, each chunk within its bounds, the last one short at most', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const ends = chunkEnds(bytes, SIZES);
        const lengths = ends.map((end, i) => end - (ends[i - 1] ?? 0));
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(bytes.length);
        expect(lengths.every((length) => length > 0 && length <= SIZES.maxBytes)).toBe(true);
        expect(lengths.slice(0, -1).every((length) => length > SIZES.minBytes)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('depend on nothing but the bytes from the last cut on', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(), (bytes, pick) => {
        const ends = chunkEnds(bytes, SIZES);
        const at = ends.length === 0 ? 0 : (ends[pick % ends.length] ?? 0);
        const rest = chunkEnds(bytes.subarray(at), SIZES).map((end) => end + at);
        expect(rest).toEqual(ends.filter((end) => end > at));
      }),
      { numRuns: 200 },
    );
  });

  it('are where they have always been: devices cut what they have as the server cut what it sends', () => {
    expect(chunkEnds(noise(10_000, 1), SIZES)).toEqual([
      1207, 2328, 3532, 3906, 5610, 6085, 7231, 8054, 9179, 10_000,
    ]);
  });

  it('come to the normal size more than to any other, and seldom to the largest', () => {
    const ends = chunkEnds(noise(1_000_000, 2), SIZES);
    const lengths = ends.map((end, i) => end - (ends[i - 1] ?? 0));
    const mean = 1_000_000 / lengths.length;
    expect(mean).toBeGreaterThan(SIZES.normalBytes * 0.75);
    expect(mean).toBeLessThan(SIZES.normalBytes * 1.75);
    expect(lengths.filter((length) => length === SIZES.maxBytes).length / lengths.length).toBeLessThan(0.01);
  });

  it.each([
    ['put in', 1],
    ['put in', 700],
    ['taken out', 300],
    ['changed', 64],
  ])('keep nearly all chunks when bytes are %s in the middle (%i bytes)', (how, count) => {
    const before = noise(200_000, 3);
    const at = 90_000;
    const other = noise(count, 4);
    const tail = how === 'put in' ? before.subarray(at) : before.subarray(at + count);
    const after = Buffer.concat([before.subarray(0, at), ...(how === 'taken out' ? [] : [other]), tail]);
    const known = new Set(chunksOf(before));
    const chunks = chunksOf(after);
    const fresh = chunks.filter((hash) => !known.has(hash));
    expect(fresh.length / chunks.length).toBeLessThan(0.05);
  });
});
