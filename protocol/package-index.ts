/**
 * How a package travels: its files cut into content-addressed chunks, and an index that lists them. The index is itself a
 * chunk, so `indexSha256` in the desired state pins every byte that follows. Signed metadata travel the same way.
 *
 * The index is msgpack `{ v: 2, files: [[path, sizeBytes, hashes, sizes], …] }`: of each chunk 32 bytes of sha256 and its
 * size as u32 little-endian. The same files give the same index on every machine.
 */
import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import { type ChunkSizes, nextChunkEnds } from './content-chunks.ts';
import { protocolError } from './errors.ts';
import { sha256Hex } from './keys.ts';
import { LIMITS } from './limits.ts';
import { malformed } from './messages.ts';

/** Measured in docs/adr/0004: small enough that a small change costs little, large enough that the index does not. */
const SIZES: ChunkSizes = { minBytes: 4 * 1024, normalBytes: 16 * 1024, maxBytes: 64 * 1024 };
/** For packages whose index would otherwise not fit in one message. */
const LARGE_SIZES: ChunkSizes = { minBytes: 16 * 1024, normalBytes: 64 * 1024, maxBytes: LIMITS.chunkBytes };
const LARGE_FROM_BYTES = 16 * 1024 * 1024;
const HASH_BYTES = 32;

/** A relative path with forward slashes that stays inside its folder. */
export function isSafePath(path: string): boolean {
  if (
    path.length === 0 ||
    path.length > 200 ||
    path.includes('\\') ||
    path.includes('\0') ||
    path.includes(':')
  )
    return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

interface IndexedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly chunks: readonly { readonly sha256: string; readonly sizeBytes: number }[];
}

export interface PackageIndex {
  readonly files: readonly IndexedFile[];
}

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes');
const wireSchema = z.object({
  v: z.literal(2),
  files: z
    .array(
      z.tuple([
        z.string().refine(isSafePath, 'a relative path inside the package'),
        z.int().min(0).max(LIMITS.packageBytes),
        bytes,
        bytes,
      ]),
    )
    .min(1)
    .max(LIMITS.packageFiles),
});
type Wire = z.infer<typeof wireSchema>;

export interface ChunkedPackage {
  readonly indexSha256: string;
  readonly index: PackageIndex;
  /** Every chunk's plain bytes by its hash, the index's own included. */
  readonly chunks: ReadonlyMap<string, Buffer>;
  /** Of the files. */
  readonly sizeBytes: number;
}

/**
 * Cuts files into chunks. Deterministic: files in path order, cuts by content.
 * @throws CodedError PACKAGE_TOO_LARGE when its index does not fit in one message
 */
export function chunkPackage(files: ReadonlyMap<string, Buffer>): ChunkedPackage {
  const chunks = new Map<string, Buffer>();
  const put = (plain: Buffer): string => {
    const hash = sha256Hex(plain);
    chunks.set(hash, plain);
    return hash;
  };
  const entries = [...files.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const sizeBytes = entries.reduce((sum, [, content]) => sum + content.length, 0);
  const index: PackageIndex = {
    files: entries.map(([path, content]) => ({
      path,
      sizeBytes: content.length,
      chunks: Array.from(cut(content, sizesFor(sizeBytes)), (plain) => ({
        sha256: put(plain),
        sizeBytes: plain.length,
      })),
    })),
  };
  const indexBytes = encodeIndex(index);
  if (indexBytes.length > LIMITS.chunkBytes) {
    throw protocolError('PACKAGE_TOO_LARGE', `the package's index has ${indexBytes.length} bytes`);
  }
  return { indexSha256: put(indexBytes), index, chunks, sizeBytes };
}

/** Chunks that a file on this device's disk would give, whichever package it belongs to; cut as they are taken. */
export function* cutLikeAny(content: Buffer): Generator<Buffer> {
  for (const sizes of [SIZES, LARGE_SIZES]) yield* cut(content, sizes);
}

/** @throws CodedError PACKAGE_HASH_MISMATCH, PAYLOAD_MALFORMED, PAYLOAD_VERSION_UNKNOWN, PACKAGE_TOO_LARGE */
export function parsePackageIndex(content: Uint8Array, expectedSha256: string): PackageIndex {
  if (sha256Hex(content) !== expectedSha256) {
    throw protocolError('PACKAGE_HASH_MISMATCH', `package index is not ${expectedSha256.slice(0, 12)}`);
  }
  const value = decodeIndex(content);
  const version = value !== null && typeof value === 'object' && 'v' in value ? value.v : undefined;
  if (typeof version === 'number' && version !== 2) {
    throw protocolError('PAYLOAD_VERSION_UNKNOWN', `package index of version ${version}, known is 2`, {
      hint: 'Update this side, or publish the package again.',
    });
  }
  const result = wireSchema.safeParse(value);
  if (!result.success) throw malformed('package index', result.error);
  const index = { files: result.data.files.map(fileOf) };
  const total = index.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (total > LIMITS.packageBytes) {
    throw protocolError('PACKAGE_TOO_LARGE', `package has ${total} bytes, limit ${LIMITS.packageBytes}`);
  }
  if (new Set(index.files.map(({ path }) => path)).size < index.files.length) {
    throw protocolError('PAYLOAD_MALFORMED', 'package index lists a path twice');
  }
  return index;
}

/**
 * Puts the files together again: the inverse of `chunkPackage`.
 * @param chunkOf verified plain bytes of a chunk
 * @throws CodedError PACKAGE_FILE_MISSING when a chunk is not there, PACKAGE_HASH_MISMATCH when a file's size is not the index's
 */
export function assemblePackage(
  index: PackageIndex,
  chunkOf: (sha256: string) => Buffer | undefined,
): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const { path, sizeBytes, chunks } of index.files) {
    const parts = chunks.map(({ sha256 }) => {
      const plain = chunkOf(sha256);
      if (!plain) throw protocolError('PACKAGE_FILE_MISSING', `"${path}" lacks chunk ${sha256.slice(0, 12)}`);
      return plain;
    });
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    if (total !== sizeBytes) {
      throw protocolError(
        'PACKAGE_HASH_MISMATCH',
        `"${path}" has ${total} bytes, its index says ${sizeBytes}`,
      );
    }
    files.set(path, Buffer.concat(parts, total));
  }
  return files;
}

function sizesFor(packageBytes: number): ChunkSizes {
  return packageBytes < LARGE_FROM_BYTES ? SIZES : LARGE_SIZES;
}

function* cut(content: Buffer, sizes: ChunkSizes): Generator<Buffer> {
  let start = 0;
  for (const end of nextChunkEnds(content, sizes)) {
    yield content.subarray(start, end);
    start = end;
  }
}

function encodeIndex({ files }: PackageIndex): Buffer {
  const wire: Wire = {
    v: 2,
    files: files.map(({ path, sizeBytes, chunks }) => {
      const sizes = Buffer.alloc(4 * chunks.length);
      for (const [i, chunk] of chunks.entries()) sizes.writeUInt32LE(chunk.sizeBytes, 4 * i);
      const hashes = Buffer.concat(chunks.map(({ sha256 }) => Buffer.from(sha256, 'hex')));
      return [path, sizeBytes, hashes, sizes];
    }),
  };
  return Buffer.from(encode(wire));
}

function decodeIndex(content: Uint8Array): unknown {
  if (content.byteLength > LIMITS.chunkBytes) {
    throw protocolError('PACKAGE_TOO_LARGE', `package index of ${content.byteLength} bytes`);
  }
  try {
    return decode(content, {
      maxMapLength: 16,
      maxArrayLength: LIMITS.packageFiles,
      maxStrLength: 200,
      maxBinLength: LIMITS.chunkBytes,
      maxExtLength: 0,
    });
  } catch (cause) {
    throw protocolError('PAYLOAD_MALFORMED', 'package index is not msgpack', { cause });
  }
}

/** An index must not make a device fetch more than the sizes it admits to. */
function fileOf([path, sizeBytes, hashes, sizes]: Wire['files'][number]): IndexedFile {
  const count = hashes.byteLength / HASH_BYTES;
  if (!Number.isInteger(count) || sizes.byteLength !== 4 * count) {
    throw protocolError('PAYLOAD_MALFORMED', `package index: the chunks of "${path}" are not whole`);
  }
  const sizesView = Buffer.from(sizes.buffer, sizes.byteOffset, sizes.byteLength);
  const hashesView = Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength);
  const chunks = Array.from({ length: count }, (_, i) => ({
    sha256: hashesView.toString('hex', HASH_BYTES * i, HASH_BYTES * (i + 1)),
    sizeBytes: sizesView.readUInt32LE(4 * i),
  }));
  const total = chunks.reduce((sum, chunk) => sum + chunk.sizeBytes, 0);
  const isOdd = chunks.some((chunk) => chunk.sizeBytes < 1 || chunk.sizeBytes > LIMITS.chunkBytes);
  if (isOdd || total !== sizeBytes) {
    throw protocolError(
      'PAYLOAD_MALFORMED',
      `package index: chunks of ${total} for ${sizeBytes} bytes of "${path}"`,
    );
  }
  return { path, sizeBytes, chunks };
}
