/** The body of `POST /api/models`: a msgpack map, path -> bytes, of all files of a package folder. */
import { decode } from '@msgpack/msgpack';
import { LIMITS } from '../../protocol/limits.ts';
import { isSafePath } from '../../protocol/package-index.ts';
import { serverError } from '../errors.ts';

/** Room for paths and msgpack's own bytes. */
export const PACKAGE_BODY_BYTES = LIMITS.packageBytes + 256 * 1024;

const HINT = 'Publish with: andon publish <folder>. The body is a msgpack map from path to bytes.';

/** @throws CodedError REQUEST_INVALID */
export function decodePackageBody(body: Buffer): Map<string, Buffer> {
  let value: unknown;
  try {
    value = decode(body, {
      maxMapLength: LIMITS.packageFiles,
      maxStrLength: 200,
      maxBinLength: LIMITS.packageBytes,
      maxArrayLength: 0,
      maxExtLength: 0,
    });
  } catch (cause) {
    throw serverError('REQUEST_INVALID', 'the body is not a package', { hint: HINT, cause });
  }
  // Bytes and arrays are objects too, and listing the entries of 64 MB of bytes would take all memory.
  if (!isMap(value)) {
    throw serverError('REQUEST_INVALID', 'the body is not a map of files', { hint: HINT });
  }
  const files = new Map<string, Buffer>();
  for (const [path, bytes] of Object.entries(value)) {
    if (!isSafePath(path) || !(bytes instanceof Uint8Array)) {
      throw serverError('REQUEST_INVALID', `"${path}" is no file of a package`, { hint: HINT });
    }
    files.set(path, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
  return files;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
