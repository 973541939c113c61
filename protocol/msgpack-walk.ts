/** Looks over a msgpack body before it is decoded: a few kilobytes on the wire can ask for a gigabyte of little arrays. */

/** Bytes after the head byte, for the heads 0xca to 0xd8: floats, integers, small extensions. */
const BYTES_AFTER = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17] as const;

/**
 * Counts the arrays and maps, at whatever depth, without building any of them; stops counting above `atMost`.
 * Malformed bytes give some count: the decoder refuses them.
 */
export function countContainers(bytes: Uint8Array, atMost: number): number {
  let count = 0;
  let at = 0;
  while (at < bytes.length && count <= atMost) {
    const head = bytes[at] ?? 0;
    if (isContainer(head)) count += 1;
    at += 1 + bytesAfter(bytes, at, head);
  }
  return count;
}

function isContainer(head: number): boolean {
  return (head >= 0x80 && head <= 0x9f) || (head >= 0xdc && head <= 0xdf);
}

/** Of an array or map only its own length: what stands in it follows as values. */
function bytesAfter(bytes: Uint8Array, at: number, head: number): number {
  if (head >= 0xa0 && head <= 0xbf) return head & 0x1f;
  if (head < 0xc4 || head > 0xdf) return 0;
  if (head <= 0xc6) return withLength(bytes, at, 1 << (head - 0xc4));
  if (head <= 0xc9) return withLength(bytes, at, 1 << (head - 0xc7)) + 1;
  if (head <= 0xd8) return BYTES_AFTER[head - 0xca] ?? 0;
  if (head <= 0xdb) return withLength(bytes, at, 1 << (head - 0xd9));
  return head & 1 ? 4 : 2;
}

/** @param width bytes of the length, which stands right after the head */
function withLength(bytes: Uint8Array, at: number, width: number): number {
  let length = 0;
  for (let i = 1; i <= width; i++) length = length * 256 + (bytes[at + i] ?? 0);
  return width + length;
}
