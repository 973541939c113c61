import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInferMessage } from '../../../../agent/http/grpc/infer-message.ts';
import { INFER_REQUEST } from '../../../../agent/http/grpc/oip-messages.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../../agent/http/grpc/protobuf.ts';
import { CodedError } from '../../../../protocol/errors.ts';

const SCALARS: Message = {
  1: { name: 'flag', type: 'bool' },
  2: { name: 'small', type: 'int32' },
  3: { name: 'large', type: 'int64' },
  4: { name: 'counts', type: 'uint32', repeated: true },
  5: { name: 'huge', type: 'uint64', repeated: true },
  6: { name: 'ratio', type: 'double' },
  7: { name: 'text', type: 'string' },
  200: { name: 'inner', type: { 1: { name: 'bytes', type: 'bytes', oneOf: true } } },
};

describe('a protobuf message', () => {
  it('comes back as it was, but for values that stand for nothing', () => {
    const given = fc.record({
      flag: fc.constant(true),
      small: fc.integer().filter((value) => value !== 0),
      large: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((value) => value !== 0n),
      counts: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
      huge: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      ratio: fc.double({ noNaN: true }).filter((value) => value !== 0),
      text: fc.string({ minLength: 1, unit: 'grapheme' }),
      inner: fc.record({ bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
    });
    fc.assert(
      fc.property(given, (value) => {
        expect(decodeMessage(SCALARS, encodeMessage(SCALARS, value))).toEqual(value);
      }),
    );
  });

  it('is the bytes that the encoding’s own documentation shows', () => {
    const message: Message = { 1: { name: 'a', type: 'int32' }, 2: { name: 'b', type: 'string' } };
    expect(encodeMessage(message, { a: 150 }).toString('hex')).toBe('089601');
    expect(encodeMessage(message, { b: 'testing' }).toString('hex')).toBe('120774657374696e67');
    expect(
      decodeMessage(
        { 6: { name: 'f', type: 'int32', repeated: true } },
        Buffer.from('3206038e029ea705', 'hex'),
      ),
    ).toEqual({
      f: [3, 270, 86_942],
    });
  });

  it('is passed over where a field is not known', () => {
    expect(
      decodeMessage({ 1: { name: 'flag', type: 'bool' } }, encodeMessage(SCALARS, { flag: true, text: 'x' })),
    ).toEqual({
      flag: true,
    });
  });

  it('of any bytes is read, or refused with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          readInferMessage(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(CodedError);
        }
      }),
    );
  });

  it('that would take far more memory than its bytes is refused', () => {
    const empty = Buffer.from([0x2a, 0x00]);
    const many = Buffer.concat(new Array<Buffer>(20_000).fill(empty));
    expect(() => decodeMessage(INFER_REQUEST, many)).toThrow(
      expect.objectContaining({ code: 'REQUEST_TOO_LARGE' }),
    );
    const flags = Buffer.alloc(1_200_000, 1);
    const packed: Message = { 1: { name: 'flags', type: 'bytes' } };
    const asBools: Message = { 1: { name: 'flags', type: 'bool', repeated: true } };
    expect(() => decodeMessage(asBools, encodeMessage(packed, { flags }))).toThrow(
      'more than 1048576 values',
    );
  });
});
