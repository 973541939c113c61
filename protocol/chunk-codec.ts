/**
 * A chunk on the wire and in the server's files: one byte that says how, then the content, raw (0) or as raw deflate (1),
 * whichever is shorter. A chunk's name is the sha256 of its plain bytes, so that what lies on a device's disk counts too.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { protocolError } from './errors.ts';
import { sha256Hex } from './keys.ts';
import { LIMITS } from './limits.ts';

const RAW = 0;
const DEFLATE = 1;

export function encodeChunk(plain: Buffer): Buffer {
  const deflated = deflateRawSync(plain, { level: 9 });
  const [how, content] = deflated.length < plain.length ? [DEFLATE, deflated] : [RAW, plain];
  return Buffer.concat([Buffer.of(how), content]);
}

/**
 * The plain bytes of a chunk; never more than a chunk may have, whatever came.
 * @throws CodedError PAYLOAD_TOO_LARGE, PAYLOAD_MALFORMED, PAYLOAD_EXPANDS_TOO_FAR, PACKAGE_HASH_MISMATCH
 */
export function decodeChunk(sha256: string, encoded: Buffer): Buffer {
  if (encoded.length > LIMITS.messageBytes) {
    throw protocolError('PAYLOAD_TOO_LARGE', `chunk of ${encoded.length} bytes`);
  }
  const plain = plainOf(encoded);
  if (plain.length > LIMITS.chunkBytes) {
    throw protocolError('PAYLOAD_TOO_LARGE', `chunk of ${plain.length} bytes, limit ${LIMITS.chunkBytes}`);
  }
  if (sha256Hex(plain) === sha256) return plain;
  throw protocolError('PACKAGE_HASH_MISMATCH', `chunk ${sha256.slice(0, 12)} came with other bytes`);
}

function plainOf(encoded: Buffer): Buffer {
  const content = encoded.subarray(1);
  switch (encoded[0]) {
    case RAW:
      return content;
    case DEFLATE:
      try {
        return inflateRawSync(content, { maxOutputLength: LIMITS.chunkBytes });
      } catch (cause) {
        const tooFar = cause instanceof RangeError;
        const words = tooFar ? 'inflates to more than a chunk may have' : 'does not inflate';
        throw protocolError(tooFar ? 'PAYLOAD_EXPANDS_TOO_FAR' : 'PAYLOAD_MALFORMED', `a chunk ${words}`, {
          cause,
        });
      }
    default:
      throw protocolError('PAYLOAD_MALFORMED', `a chunk is encoded in the unknown way ${encoded[0]}`);
  }
}
