/**
 * Content-defined cuts: FastCDC with normalized chunking (Xia et al., "FastCDC: a Fast and Efficient Content-Defined
 * Chunking Approach for Data Deduplication", USENIX ATC 2016). A change of some bytes changes the chunks around it and no
 * others, wherever in the file it is; so two versions of a model share what they have in common.
 */
import { createHash } from 'node:crypto';

export interface ChunkSizes {
  readonly minBytes: number;
  /** A power of two: the size that chunks come to most often. */
  readonly normalBytes: number;
  readonly maxBytes: number;
}

/** Bits by which a cut is made harder before the normal size, and easier after it (the paper's level 2). */
const NORMALIZATION = 2;

/** 256 random 32-bit numbers that are the same on every machine. */
const GEAR = Uint32Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update(`andon gear ${byte}`).digest().readUInt32LE(0),
);

/** @returns the ends of the chunks, ascending; the last one is `bytes.length`. Empty for no bytes. */
export function chunkEnds(bytes: Uint8Array, sizes: ChunkSizes): number[] {
  return [...nextChunkEnds(bytes, sizes)];
}

/** `chunkEnds` one by one: a large file takes a while. */
export function* nextChunkEnds(bytes: Uint8Array, sizes: ChunkSizes): Generator<number> {
  const bits = Math.log2(sizes.normalBytes);
  const hard = topBits(bits + NORMALIZATION);
  const easy = topBits(bits - NORMALIZATION);
  let start = 0;
  while (start < bytes.length) {
    start = endOfChunk(bytes, start, sizes, hard, easy);
    yield start;
  }
}

function endOfChunk(
  bytes: Uint8Array,
  start: number,
  { minBytes, normalBytes, maxBytes }: ChunkSizes,
  hard: number,
  easy: number,
): number {
  const end = Math.min(bytes.length, start + maxBytes);
  const normal = Math.min(end, start + normalBytes);
  let fingerprint = 0;
  let at = start + minBytes;
  for (; at < normal; at++) {
    fingerprint = ((fingerprint << 1) + (GEAR[bytes[at] as number] as number)) | 0;
    if ((fingerprint & hard) === 0) return at + 1;
  }
  for (; at < end; at++) {
    fingerprint = ((fingerprint << 1) + (GEAR[bytes[at] as number] as number)) | 0;
    if ((fingerprint & easy) === 0) return at + 1;
  }
  return end;
}

/** The upper bits of a gear hash are those that most bytes have a say in. */
function topBits(count: number): number {
  return -1 << (32 - count);
}
