/** Cutting a package into chunks and putting it together again. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';
import {
  assemblePackage,
  chunkPackage,
  cutLikeAny,
  isSafePath,
  parsePackageIndex,
} from '../../protocol/package-index.ts';

const hash = 'a'.repeat(64);

function parse(bytes: Buffer) {
  return parsePackageIndex(bytes, sha256Hex(bytes));
}

describe('chunks', () => {
  it('give the package back, whatever the sizes of its files', () => {
    const size = fc.oneof(
      fc.constantFrom(0, 1, LIMITS.chunkBytes - 1, LIMITS.chunkBytes, LIMITS.chunkBytes + 1),
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

  it.each([1, 20])('of a file of %i MiB are found in that file by who has it on disk', (mebibytes) => {
    const content = randomBytes(mebibytes * 2 ** 20);
    const { index } = chunkPackage(new Map([['model.onnx', content]]));
    const there = new Set([...cutLikeAny(content)].map(sha256Hex));
    expect(index.files[0]?.chunks.every(({ sha256 }) => there.has(sha256))).toBe(true);
  });

  it('list the largest package in one message', () => {
    const files = new Map([['model.onnx', randomBytes(LIMITS.packageBytes)]]);
    const { chunks, indexSha256 } = chunkPackage(files);
    expect(chunks.get(indexSha256)?.length).toBeLessThan(LIMITS.messageBytes);
  });

  it('cost less than 0.4 % of a package for their list', () => {
    const files = new Map([['model.onnx', randomBytes(4 * 2 ** 20)]]);
    const { chunks, indexSha256, sizeBytes } = chunkPackage(files);
    expect((chunks.get(indexSha256)?.length ?? 0) / sizeBytes).toBeLessThan(0.004);
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
  /** One file as the wire has it. */
  const file = (
    path: string,
    sizes: readonly number[],
    over: { sizeBytes?: number; hashes?: Buffer } = {},
  ) => {
    const table = Buffer.alloc(4 * sizes.length);
    for (const [i, size] of sizes.entries()) table.writeUInt32LE(size, 4 * i);
    const sizeBytes = over.sizeBytes ?? sizes.reduce((sum, size) => sum + size, 0);
    return [path, sizeBytes, over.hashes ?? Buffer.alloc(32 * sizes.length, 7), table];
  };
  const largest = (path: string) => file(path, Array(512).fill(LIMITS.packageBytes / 512 - 4096 * 2));

  it.each<[string, unknown, string]>([
    ['no map', 7, 'PAYLOAD_MALFORMED'],
    ['a version of later', { v: 3, files: [file('a', [10])] }, 'PAYLOAD_VERSION_UNKNOWN'],
    ['a version of earlier', { v: 1, files: [] }, 'PAYLOAD_VERSION_UNKNOWN'],
    ['a version that is no number', { v: '2', files: [file('a', [10])] }, 'PAYLOAD_MALFORMED'],
    ['no files', { v: 2, files: [] }, 'PAYLOAD_MALFORMED'],
    ['too many files', { v: 2, files: Array(65).fill(file('a', [10])) }, 'PAYLOAD_MALFORMED'],
    ['a path out of the folder', { v: 2, files: [file('../a', [10])] }, 'PAYLOAD_MALFORMED'],
    ['a path twice', { v: 2, files: [file('a', [10]), file('a', [10])] }, 'PAYLOAD_MALFORMED'],
    [
      'chunks of more than the file has',
      { v: 2, files: [file('a', [10, 10], { sizeBytes: 10 })] },
      'PAYLOAD_MALFORMED',
    ],
    [
      'chunks of less than the file has',
      { v: 2, files: [file('a', [10], { sizeBytes: 20 })] },
      'PAYLOAD_MALFORMED',
    ],
    ['no chunks of a file', { v: 2, files: [file('a', [], { sizeBytes: 20 })] }, 'PAYLOAD_MALFORMED'],
    ['a chunk of nothing', { v: 2, files: [file('a', [10, 0])] }, 'PAYLOAD_MALFORMED'],
    ['a chunk too large', { v: 2, files: [file('a', [LIMITS.chunkBytes + 1])] }, 'PAYLOAD_MALFORMED'],
    [
      'a hash too short',
      { v: 2, files: [file('a', [10], { hashes: Buffer.alloc(31) })] },
      'PAYLOAD_MALFORMED',
    ],
    [
      'a hash too many',
      { v: 2, files: [file('a', [10], { hashes: Buffer.alloc(64) })] },
      'PAYLOAD_MALFORMED',
    ],
    ['a negative size', { v: 2, files: [file('a', [], { sizeBytes: -1 })] }, 'PAYLOAD_MALFORMED'],
    [
      'more bytes than a package may have',
      { v: 2, files: [largest('a'), largest('b')] },
      'PACKAGE_TOO_LARGE',
    ],
  ])('with %s is refused', (_, value, code) => {
    expect(() => parse(Buffer.from(encode(value)))).toThrowError(expect.objectContaining({ code }));
  });

  it.each<[string, Buffer, string]>([
    ['is no msgpack', Buffer.from([0xc1]), 'PAYLOAD_MALFORMED'],
    [
      'is cut off',
      Buffer.from(encode({ v: 2, files: [file('a', [10])] })).subarray(0, 30),
      'PAYLOAD_MALFORMED',
    ],
    ['promises an endless list', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), 'PAYLOAD_MALFORMED'],
    ['is longer than a chunk', Buffer.alloc(LIMITS.chunkBytes + 1), 'PACKAGE_TOO_LARGE'],
  ])('that %s is refused', (_, bytes, code) => {
    expect(() => parse(bytes)).toThrowError(expect.objectContaining({ code }));
  });

  it('is refused when it is not the one that was asked for', () => {
    const bytes = Buffer.from(encode({ v: 2, files: [file('a', [10])] }));
    expect(() => parsePackageIndex(bytes, hash)).toThrowError(
      expect.objectContaining({ code: 'PACKAGE_HASH_MISMATCH' }),
    );
  });

  it('of any bytes at all ends in a coded refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => parse(Buffer.from(bytes))).toThrowError(
          expect.objectContaining({ code: expect.stringMatching(/^(PAYLOAD|PACKAGE)_/) }),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('is written as it always was, and read by devices that are older than their server', () => {
    const bytes = readFileSync(new URL('../golden/package-index-v2.bin', import.meta.url));
    const golden = new Map([
      ['labels.txt', Buffer.from('ok\nfailure\n')],
      ['manifest.json', Buffer.from('{}')],
      ['model.onnx', Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i * 31) >> 7))],
      ['none.txt', Buffer.alloc(0)],
    ]);
    const { index, indexSha256, chunks } = chunkPackage(golden);
    expect(chunks.get(indexSha256)).toEqual(bytes);
    expect(parse(bytes)).toEqual(index);
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
