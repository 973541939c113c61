/** Cutting a package into chunks and putting it together again. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';
import {
  assemblePackage,
  chunkPackage,
  isSafePath,
  parsePackageIndex,
} from '../../protocol/package-index.ts';

const hash = 'a'.repeat(64);

function parse(value: unknown): unknown {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return parsePackageIndex(bytes, sha256Hex(bytes));
}

describe('chunks', () => {
  it('give the package back, whatever the sizes of its files', () => {
    const size = fc.oneof(
      fc.constantFrom(
        0,
        1,
        LIMITS.chunkBytes - 1,
        LIMITS.chunkBytes,
        LIMITS.chunkBytes + 1,
        3 * LIMITS.chunkBytes,
      ),
      fc.integer({ min: 0, max: 200_000 }),
    );
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 5 }), (sizes) => {
        const files = new Map(sizes.map((bytes, i) => [`file-${i}`, randomBytes(bytes)]));
        const { chunks, indexSha256, sizeBytes } = chunkPackage(files);
        const index = parsePackageIndex(chunks.get(indexSha256) ?? Buffer.alloc(0), indexSha256);
        const back = assemblePackage(index, (sha256) => chunks.get(sha256));
        expect([...back].every(([path, bytes]) => bytes.equals(files.get(path) ?? Buffer.alloc(0)))).toBe(
          true,
        );
        expect(back.size).toBe(files.size);
        expect(sizeBytes).toBe(sizes.reduce((sum, bytes) => sum + bytes, 0));
        for (const [sha256, bytes] of chunks) {
          expect(sha256Hex(bytes)).toBe(sha256);
          expect(bytes.length).toBeLessThanOrEqual(LIMITS.chunkBytes);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('are the same in whatever order the files come', () => {
    const files: [string, Buffer][] = [
      ['b', randomBytes(100)],
      ['a', randomBytes(100)],
    ];
    expect(chunkPackage(new Map(files)).indexSha256).toBe(chunkPackage(new Map(files.reverse())).indexSha256);
  });

  it('list the largest package in one message', () => {
    const files = new Map([['model.onnx', Buffer.alloc(LIMITS.packageBytes)]]);
    const { chunks, indexSha256 } = chunkPackage(files);
    expect(chunks.get(indexSha256)?.length).toBeLessThan(LIMITS.messageBytes);
  });

  it('that are missing or of another size are refused', () => {
    const { index, chunks } = chunkPackage(new Map([['a', randomBytes(10)]]));
    expect(() => assemblePackage(index, () => undefined)).toThrowError(
      expect.objectContaining({ code: 'PACKAGE_FILE_MISSING' }),
    );
    expect(() => assemblePackage(index, (sha256) => chunks.get(sha256)?.subarray(1))).toThrowError(
      expect.objectContaining({ code: 'PACKAGE_HASH_MISMATCH' }),
    );
  });
});

describe('a package index', () => {
  const file = { path: 'a', sizeBytes: 10, chunks: [hash] };

  it.each<[string, unknown, string]>([
    ['no JSON', '{', 'PAYLOAD_MALFORMED'],
    ['another version', { v: 2, files: [file] }, 'PAYLOAD_MALFORMED'],
    ['no files', { v: 1, files: [] }, 'PAYLOAD_MALFORMED'],
    ['too many files', { v: 1, files: Array(65).fill(file) }, 'PAYLOAD_MALFORMED'],
    ['a path out of the folder', { v: 1, files: [{ ...file, path: '../a' }] }, 'PAYLOAD_MALFORMED'],
    ['a path twice', { v: 1, files: [file, file] }, 'PAYLOAD_MALFORMED'],
    [
      'more chunks than the size needs',
      { v: 1, files: [{ ...file, chunks: [hash, hash] }] },
      'PAYLOAD_MALFORMED',
    ],
    ['fewer chunks than the size needs', { v: 1, files: [{ ...file, chunks: [] }] }, 'PAYLOAD_MALFORMED'],
    ['a chunk that is no hash', { v: 1, files: [{ ...file, chunks: ['../../x'] }] }, 'PAYLOAD_MALFORMED'],
    ['more bytes than a package may have', { v: 1, files: [whole('b'), file] }, 'PACKAGE_TOO_LARGE'],
  ])('with %s is refused', (_, value, code) => {
    expect(() => parse(value)).toThrowError(expect.objectContaining({ code }));
  });

  it('is refused when it is not the one that was asked for', () => {
    const bytes = Buffer.from(JSON.stringify({ v: 1, files: [file] }));
    expect(() => parsePackageIndex(bytes, hash)).toThrowError(
      expect.objectContaining({ code: 'PACKAGE_HASH_MISMATCH' }),
    );
  });
});

describe('a safe path', () => {
  it('never leaves its folder', () => {
    const part = fc.oneof(
      fc.constantFrom('..', '.', '', '\\', 'C:', '\0', 'a', '...'),
      fc.string({ maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const path = parts.join('/');
        if (!isSafePath(path)) return;
        expect(new URL(encodeURI(path), 'file:///root/').pathname.startsWith('/root/')).toBe(true);
        expect(path).not.toMatch(/\\|:|\0|^\/|(^|\/)\.\.?(\/|$)/);
      }),
      { numRuns: 1000 },
    );
  });
});

function whole(path: string) {
  return {
    path,
    sizeBytes: LIMITS.packageBytes,
    chunks: Array(LIMITS.packageBytes / LIMITS.chunkBytes).fill(hash),
  };
}
