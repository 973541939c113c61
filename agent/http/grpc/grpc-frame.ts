/** A message of gRPC over HTTP/2: one byte whether it is compressed, its length (u32, big-endian), its bytes. */
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { agentError } from '../../errors.ts';
import { OIP_LIMITS } from '../oip/oip-limits.ts';

export const FRAME_HEAD_BYTES = 5;
/** The message, its names and shapes besides the values. */
export const MAX_MESSAGE_BYTES = OIP_LIMITS.bodyBytes;

const DECODERS = { gzip: promisify(gunzip), deflate: promisify(inflate) };

/**
 * @param body of a call that has one message
 * @param encoding of `grpc-encoding`
 * @throws CodedError REQUEST_INVALID, REQUEST_TOO_LARGE
 */
export async function messageOf(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  if (body.length < FRAME_HEAD_BYTES || body.readUInt32BE(1) !== body.length - FRAME_HEAD_BYTES) {
    throw agentError('REQUEST_INVALID', 'the call is not one whole message');
  }
  const bytes = body.subarray(FRAME_HEAD_BYTES);
  if (body[0] === 0) return bytes;
  const decode = DECODERS[encoding as keyof typeof DECODERS];
  if (!decode)
    throw agentError('REQUEST_INVALID', `the message is compressed as "${encoding?.slice(0, 40)}"`);
  try {
    return await decode(bytes, { maxOutputLength: MAX_MESSAGE_BYTES });
  } catch (cause) {
    const isTooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    if (isTooLarge) throw agentError('REQUEST_TOO_LARGE', `it expands beyond ${MAX_MESSAGE_BYTES} bytes`);
    throw agentError('REQUEST_INVALID', `the message is no ${encoding}`, { cause });
  }
}

/** Not compressed. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, FRAME_HEAD_BYTES);
  return frame;
}

const UNITS_US: Readonly<Record<string, number>> = { H: 3.6e9, M: 6e7, S: 1e6, m: 1000, u: 1, n: 0.001 };

/** @param header `grpc-timeout`: up to eight digits and a unit @returns microseconds, at least 1; 0 for none, or one that says nothing */
export function deadlineUs(header: string | undefined): number {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header ?? '') ?? [];
  if (digits === undefined || unit === undefined) return 0;
  return Math.max(1, Math.round(Number(digits) * (UNITS_US[unit] ?? 0)));
}
