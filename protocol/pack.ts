/**
 * A package as one file that is read by ranges: of each chunk the size it travels with (protocol/chunk-codec.ts) as u32
 * little-endian, then the encoded chunks back to back. Both in the order of the index, each chunk once.
 */
import { protocolError } from './errors.ts';
import { LIMITS } from './limits.ts';
import type { PackageIndex } from './package-index.ts';

/** Bytes `start` to `end` of a pack, `end` not included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const SIZE_BYTES = 4;

/** Hashes of a package's chunks, each once, as they stand in its pack. */
export function packOrder(index: PackageIndex): string[] {
  return [...new Set(index.files.flatMap(({ chunks }) => chunks.map(({ sha256 }) => sha256)))];
}

/** Where the sizes stand. */
export function tableSpan(chunks: number): Span {
  return { start: 0, end: SIZE_BYTES * chunks };
}

/** @param sizesBytes of the encoded chunks, in the pack's order */
export function encodePackTable(sizesBytes: readonly number[]): Buffer {
  const table = Buffer.alloc(SIZE_BYTES * sizesBytes.length);
  for (const [i, sizeBytes] of sizesBytes.entries()) table.writeUInt32LE(sizeBytes, SIZE_BYTES * i);
  return table;
}

/**
 * Nobody signed a table: a wrong one leads to wrong bytes, which their hashes give away.
 * @returns where each chunk stands
 * @throws CodedError PAYLOAD_MALFORMED
 */
export function parsePackTable(order: readonly string[], table: Buffer): Map<string, Span> {
  let start = tableSpan(order.length).end;
  if (table.length !== start) {
    throw protocolError('PAYLOAD_MALFORMED', `a pack of ${order.length} chunks lists ${table.length} bytes`);
  }
  return new Map(
    order.map((sha256, i) => {
      const sizeBytes = table.readUInt32LE(SIZE_BYTES * i);
      if (sizeBytes < 1 || sizeBytes > LIMITS.messageBytes) {
        throw protocolError('PAYLOAD_MALFORMED', `a pack lists a chunk of ${sizeBytes} bytes`);
      }
      const span = { start, end: start + sizeBytes };
      start = span.end;
      return [sha256, span];
    }),
  );
}
