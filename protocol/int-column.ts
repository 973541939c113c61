/**
 * A column of integers: the first one, and the steps from each to the next. A step is zigzagged (small ones of either sign
 * stay small: 0, -1, 1, -2, 2 are 0, 1, 2, 3, 4) and split into bytes: the low bytes of all rows, then their second bytes, …
 * Deflate sees the bytes that vary apart from those that do not.
 */
import { z } from 'zod';
import { protocolError } from './errors.ts';

export const bytesSchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes');
/** [first, bytes of the steps]. As many bytes a row as the longest step needs: none where all values are equal. */
export const intColumnSchema = z.tuple([z.int(), bytesSchema]);
export type IntColumn = z.infer<typeof intColumnSchema>;

/** @throws CodedError PAYLOAD_TOO_LARGE where two neighbours are more than 2^52 apart: send them in two batches */
export function encodeInts(values: ArrayLike<number>): IntColumn {
  const count = values.length;
  const steps = new Float64Array(count);
  let previous = values[0] ?? 0;
  let longest = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    const step = value - previous;
    const zigzag = step < 0 ? -2 * step - 1 : 2 * step;
    steps[i] = zigzag;
    if (zigzag > longest) longest = zigzag;
    previous = value;
  }
  if (longest > Number.MAX_SAFE_INTEGER) {
    throw protocolError('PAYLOAD_TOO_LARGE', 'two neighbours in a column are too far apart');
  }
  const width = bytesFor(longest);
  const bytes = new Uint8Array(count * width);
  for (let plane = 0; plane < width; plane++) {
    const unit = 256 ** plane;
    const at = plane * count;
    // `&` takes a float of any size modulo 2^32.
    for (let i = 0; i < count; i++) bytes[at + i] = ((steps[i] as number) / unit) & 0xff;
  }
  return [values[0] ?? 0, bytes];
}

/**
 * @returns `count` integers, exact up to 2^53; the caller checks their range
 * @throws CodedError PAYLOAD_MALFORMED
 */
export function decodeInts([first, bytes]: IntColumn, count: number): Float64Array {
  const width = bytes.length / count;
  if (!Number.isInteger(width) || width > 7) {
    throw protocolError('PAYLOAD_MALFORMED', `a column of ${count} integers has ${bytes.length} bytes`);
  }
  const values = new Float64Array(count);
  for (let plane = 0; plane < width; plane++) {
    const unit = 256 ** plane;
    const at = plane * count;
    for (let i = 0; i < count; i++) values[i] = (values[i] as number) + (bytes[at + i] as number) * unit;
  }
  let value = first;
  for (let i = 0; i < count; i++) {
    const zigzag = values[i] as number;
    const half = Math.floor(zigzag / 2);
    value += half * 2 === zigzag ? half : -half - 1;
    values[i] = value;
  }
  return values;
}

function bytesFor(value: number): number {
  let width = 0;
  for (let rest = value; rest >= 1; rest /= 256) width += 1;
  return width;
}
