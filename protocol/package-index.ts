/**
 * How a package travels: its files cut into content-addressed chunks, and an index that lists them. The index is
 * itself a chunk, so `indexSha256` in the desired state pins every byte that follows.
 */
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { sha256Hex } from './keys.ts';
import { LIMITS } from './limits.ts';
import { malformed } from './messages.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

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

const packageIndexSchema = z.object({
  v: z.literal(1),
  files: z
    .array(
      z.object({
        path: z.string().refine(isSafePath, 'a relative path inside the package'),
        sizeBytes: z.int().min(0).max(LIMITS.packageBytes),
        chunks: z.array(sha256).max(4096),
      }),
    )
    .min(1)
    .max(LIMITS.packageFiles),
});
export type PackageIndex = z.infer<typeof packageIndexSchema>;

export interface ChunkedPackage {
  readonly indexSha256: string;
  readonly index: PackageIndex;
  /** Every chunk by its hash, the index's own included. */
  readonly chunks: ReadonlyMap<string, Buffer>;
  readonly sizeBytes: number;
}

/** Cuts a package's files into chunks. Deterministic: files in path order, cuts of `LIMITS.chunkBytes`. */
export function chunkPackage(files: ReadonlyMap<string, Buffer>): ChunkedPackage {
  const chunks = new Map<string, Buffer>();
  let sizeBytes = 0;
  const put = (bytes: Buffer): string => {
    const hash = sha256Hex(bytes);
    chunks.set(hash, bytes);
    return hash;
  };
  const entries = [...files.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  const index: PackageIndex = {
    v: 1,
    files: entries.map(([path, bytes]) => {
      sizeBytes += bytes.length;
      const hashes: string[] = [];
      for (let at = 0; at < bytes.length; at += LIMITS.chunkBytes) {
        hashes.push(put(bytes.subarray(at, at + LIMITS.chunkBytes)));
      }
      return { path, sizeBytes: bytes.length, chunks: hashes };
    }),
  };
  return { indexSha256: put(Buffer.from(JSON.stringify(index))), index, chunks, sizeBytes };
}

/** @throws CodedError PACKAGE_HASH_MISMATCH, PAYLOAD_MALFORMED, PACKAGE_TOO_LARGE */
export function parsePackageIndex(bytes: Uint8Array, expectedSha256: string): PackageIndex {
  if (sha256Hex(bytes) !== expectedSha256) {
    throw protocolError('PACKAGE_HASH_MISMATCH', `package index is not ${expectedSha256.slice(0, 12)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw protocolError('PAYLOAD_MALFORMED', 'package index is not JSON', { cause });
  }
  const result = packageIndexSchema.safeParse(value);
  if (!result.success) throw malformed('package index', result.error);
  checkLayout(result.data);
  const total = result.data.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (total > LIMITS.packageBytes) {
    throw protocolError('PACKAGE_TOO_LARGE', `package has ${total} bytes, limit ${LIMITS.packageBytes}`);
  }
  return result.data;
}

/**
 * Puts the files together again: the inverse of `chunkPackage`.
 * @param chunkOf verified bytes of a chunk
 * @throws CodedError PACKAGE_FILE_MISSING when a chunk is not there, PACKAGE_HASH_MISMATCH when a file's size is not the index's
 */
export function assemblePackage(
  index: PackageIndex,
  chunkOf: (sha256: string) => Buffer | undefined,
): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const { path, sizeBytes, chunks } of index.files) {
    const parts = chunks.map((sha256) => {
      const bytes = chunkOf(sha256);
      if (!bytes) throw protocolError('PACKAGE_FILE_MISSING', `"${path}" lacks chunk ${sha256.slice(0, 12)}`);
      return bytes;
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

/** An index must not make a device fetch more than the sizes it admits to. */
function checkLayout(index: PackageIndex): void {
  const paths = new Set<string>();
  for (const { path, sizeBytes, chunks } of index.files) {
    if (chunks.length !== Math.ceil(sizeBytes / LIMITS.chunkBytes)) {
      throw protocolError(
        'PAYLOAD_MALFORMED',
        `package index: ${chunks.length} chunks for ${sizeBytes} bytes of "${path}"`,
      );
    }
    if (paths.has(path)) throw protocolError('PAYLOAD_MALFORMED', `package index lists "${path}" twice`);
    paths.add(path);
  }
}
