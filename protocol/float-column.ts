/** A column of float32: the low bytes of all rows, then their second bytes, … Sign and exponent vary least and stand together. */
import { protocolError } from './errors.ts';

export function encodeFloats(values: Float32Array): Uint8Array {
  const count = values.length;
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = new Uint8Array(raw.length);
  for (let plane = 0; plane < 4; plane++) {
    const at = plane * count;
    for (let i = 0; i < count; i++) bytes[at + i] = raw[i * 4 + plane] as number;
  }
  return bytes;
}

/** @throws CodedError PAYLOAD_MALFORMED for anything that is no finite number */
export function decodeFloats(bytes: Uint8Array): Float32Array {
  const count = bytes.length / 4;
  if (!Number.isInteger(count)) {
    throw protocolError('PAYLOAD_MALFORMED', `a column of floats has ${bytes.length} bytes`);
  }
  const raw = new Uint8Array(bytes.length);
  for (let plane = 0; plane < 4; plane++) {
    const at = plane * count;
    for (let i = 0; i < count; i++) raw[i * 4 + plane] = bytes[at + i] as number;
  }
  const values = new Float32Array(raw.buffer);
  for (let i = 0; i < count; i++) {
    if (!Number.isFinite(values[i]))
      throw protocolError('PAYLOAD_MALFORMED', 'a column of floats holds one that is no number');
  }
  return values;
}
