/** A chunk on the wire: shorter when it can be, and never more in memory than a chunk may have. */
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeChunk, encodeChunk } from '../../protocol/chunk-codec.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';

const RAW = 0;
const DEFLATE = 1;
const tagged = (how: number, content: Buffer) => Buffer.concat([Buffer.of(how), content]);

describe('an encoded chunk', () => {
  it('gives its plain bytes back, and is never more than a byte longer', () => {
    const plain = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 5000 }),
      fc
        .tuple(fc.integer({ min: 1, max: LIMITS.chunkBytes }), fc.nat(255))
        .map(([sizeBytes, byte]) => Buffer.alloc(sizeBytes, byte)),
    );
    fc.assert(
      fc.property(plain, (bytes) => {
        const content = Buffer.from(bytes);
        const encoded = encodeChunk(content);
        expect(encoded.length).toBeLessThanOrEqual(content.length + 1);
        expect(decodeChunk(sha256Hex(content), encoded).equals(content)).toBe(true);
      }),
    );
  });

  it('is deflated where that is shorter, and raw where not', () => {
    expect(encodeChunk(Buffer.alloc(50_000))[0]).toBe(DEFLATE);
    expect(encodeChunk(Buffer.alloc(50_000)).length).toBeLessThan(200);
    expect(encodeChunk(randomBytes(50_000))[0]).toBe(RAW);
  });

  it('fits in a message, whatever the largest chunk holds', () => {
    expect(encodeChunk(randomBytes(LIMITS.chunkBytes)).length).toBeLessThanOrEqual(LIMITS.messageBytes);
  });
});

describe('a hostile chunk', () => {
  const plain = Buffer.from('a chunk');
  const deflated = deflateRawSync(plain);

  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'PAYLOAD_MALFORMED'],
    ['no content', Buffer.of(RAW), 'PACKAGE_HASH_MISMATCH'],
    ['an unknown way of encoding', tagged(2, plain), 'PAYLOAD_MALFORMED'],
    ['other bytes', tagged(RAW, Buffer.from('another')), 'PACKAGE_HASH_MISMATCH'],
    ['other bytes, deflated', tagged(DEFLATE, deflateRawSync(Buffer.from('other'))), 'PACKAGE_HASH_MISMATCH'],
    ['what does not inflate', tagged(DEFLATE, Buffer.alloc(100, 0xff)), 'PAYLOAD_MALFORMED'],
    ['half of what inflates', tagged(DEFLATE, deflated.subarray(0, 4)), 'PAYLOAD_MALFORMED'],
    ['a chunk too long', tagged(RAW, Buffer.alloc(LIMITS.chunkBytes + 1)), 'PAYLOAD_TOO_LARGE'],
    ['a message too long', tagged(RAW, Buffer.alloc(LIMITS.messageBytes)), 'PAYLOAD_TOO_LARGE'],
    ['a bomb', tagged(DEFLATE, deflateRawSync(Buffer.alloc(64 * 2 ** 20))), 'PAYLOAD_EXPANDS_TOO_FAR'],
  ])('of %s is refused', (_, encoded, code) => {
    expect(() => decodeChunk(sha256Hex(plain), encoded)).toThrowError(expect.objectContaining({ code }));
  });

  it('of any bytes at all ends in a coded refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(() => decodeChunk('0'.repeat(64), Buffer.from(bytes))).toThrowError(
          expect.objectContaining({ code: expect.stringMatching(/^(PAYLOAD|PACKAGE)_/) }),
        );
      }),
      { numRuns: 1000 },
    );
  });
});
