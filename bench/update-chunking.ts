/** Where to cut: bytes that a device with one version lacks of the next, for cuts of a fixed size, along tensors, and by content. */
import { encodeChunk } from '../protocol/chunk-codec.ts';
import { chunkEnds } from '../protocol/content-chunks.ts';
import { sha256Hex } from '../protocol/keys.ts';
import type { Variant } from './update-packages.ts';

type Cut = (path: string, bytes: Buffer, variant: Variant) => number[];

const FIXED_BYTES = 16 * 1024;
/** What the index takes for a chunk: its hash and its size. */
const INDEX_BYTES = 36;

export const CUTS = {
  fixed: (_, bytes) => fixedEnds(bytes.length),
  tensor: (path, bytes, { tensors }) =>
    path === 'model.onnx' ? tensorEnds(tensors) : fixedEnds(bytes.length),
  content: (_, bytes) =>
    chunkEnds(bytes, { minBytes: 4 * 1024, normalBytes: FIXED_BYTES, maxBytes: 4 * FIXED_BYTES }),
} as const satisfies Record<string, Cut>;

/** Encoded bytes to send, as a share of the new package's size. */
export function shareToSend(cut: Cut, before: Variant, after: Variant): number {
  const known = new Set(chunksOf(cut, before).map(({ sha256 }) => sha256));
  const all = chunksOf(cut, after);
  const sent = all
    .filter(({ sha256 }) => !known.has(sha256))
    .reduce((sum, { bytes }) => sum + encodeChunk(bytes).length, 0);
  return (sent + all.length * INDEX_BYTES) / sizeOf(after);
}

export function sizeOf({ files }: Variant): number {
  return [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
}

function chunksOf(cut: Cut, variant: Variant): { sha256: string; bytes: Buffer }[] {
  return [...variant.files].flatMap(([path, bytes]) => {
    let start = 0;
    return cut(path, bytes, variant).map((end) => {
      const chunk = bytes.subarray(start, end);
      start = end;
      return { sha256: sha256Hex(chunk), bytes: chunk };
    });
  });
}

function fixedEnds(length: number): number[] {
  return Array.from({ length: Math.ceil(length / FIXED_BYTES) }, (_, i) =>
    Math.min(length, (i + 1) * FIXED_BYTES),
  );
}

function tensorEnds(tensors: Variant['tensors']): number[] {
  let start = 0;
  return tensors.flatMap(({ bytes }) => {
    const ends = fixedEnds(bytes.length).map((end) => start + end);
    start += bytes.length;
    return ends;
  });
}
