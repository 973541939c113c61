import { deflateRawSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBundle, encodeBundle } from '../../protocol/bundle.ts';
import { LIMITS } from '../../protocol/limits.ts';

const files = new Map([
  ['manifest.json', Buffer.from('{"name":"tiny"}')],
  ['deep/model.onnx', Buffer.alloc(100_000, 7)],
]);
const metadata = new Map([
  ['1.root.json', Buffer.from('{}')],
  ['targets.json', Buffer.from('{ }')],
]);
const refused = (code: string) => expect.objectContaining({ code });

/** A bundle whose header is honest and whose body is not. */
function withBody(body: Buffer, claimed = body.length): Buffer {
  const header = encodeBundle({ files: new Map(), metadata: new Map() }).subarray(0, 16);
  const copy = Buffer.from(header);
  copy.writeUInt32LE(claimed, 12);
  return Buffer.concat([copy, deflateRawSync(body)]);
}

describe('a bundle', () => {
  it('comes out as it went in', () => {
    const read = decodeBundle(encodeBundle({ files, metadata }));
    expect(new Map(read.files)).toEqual(files);
    expect(new Map(read.metadata)).toEqual(metadata);
  });

  it('is the same bytes for the same input, in whatever order it was put together', () => {
    const turned = (map: Map<string, Buffer>) => new Map([...map].reverse());
    expect(encodeBundle({ files, metadata })).toEqual(
      encodeBundle({ files: turned(files), metadata: turned(metadata) }),
    );
  });

  it.each([
    ['is something else', Buffer.from('PK\x03\x04 a zip archive, maybe'), 'PAYLOAD_MALFORMED'],
    ['is cut in its header', encodeBundle({ files, metadata }).subarray(0, 10), 'PAYLOAD_TRUNCATED'],
    ['is cut in its body', encodeBundle({ files, metadata }).subarray(0, 100), 'PAYLOAD_MALFORMED'],
    [
      'is a bomb that tells the truth',
      withBody(Buffer.alloc(10), LIMITS.bundleBytes + 1),
      'PAYLOAD_EXPANDS_TOO_FAR',
    ],
    ['is a bomb that lies', withBody(Buffer.alloc(10_000_000), 100), 'PAYLOAD_MALFORMED'],
    ['claims more than it has', withBody(Buffer.alloc(10), 100), 'PAYLOAD_TRUNCATED'],
    ['holds no msgpack', withBody(Buffer.from([0xc1])), 'PAYLOAD_MALFORMED'],
    ['holds something else', withBody(Buffer.from(encode({ a: 1 }))), 'PAYLOAD_MALFORMED'],
    [
      'climbs out of its folder',
      withBody(Buffer.from(encode({ metadata: {}, files: { '../x': new Uint8Array(1) } }))),
      'PAYLOAD_MALFORMED',
    ],
    [
      'holds metadata that are no files',
      withBody(Buffer.from(encode({ metadata: { '../root.json': new Uint8Array(1) }, files: {} }))),
      'PAYLOAD_MALFORMED',
    ],
  ])('is refused when it %s', (_, file, code) => {
    expect(() => decodeBundle(file)).toThrow(refused(code));
  });

  it('of a later version asks for a later agent', () => {
    const later = encodeBundle({ files, metadata });
    later.writeUInt8(2, 8);
    expect(() => decodeBundle(later)).toThrow(refused('PAYLOAD_VERSION_UNKNOWN'));
  });

  it('is read or refused with a code, whatever was done to it', () => {
    const good = encodeBundle({ files, metadata });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const bad = Buffer.from(good);
        bad.writeUInt8(byte, at);
        try {
          decodeBundle(bad);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(PAYLOAD|PACKAGE)_/) });
        }
      }),
    );
  });
});
