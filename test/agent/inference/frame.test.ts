import { describe, expect, it } from 'vitest';
import { FrameReader, frameOf } from '../../../agent/inference/frame.ts';

function bytesOf(...messages: object[]): Buffer {
  return Buffer.concat(messages.map(frameOf));
}

function read(bytes: Uint8Array, chunkBytes = bytes.length): unknown[] {
  const messages: unknown[] = [];
  const reader = new FrameReader((message) => messages.push(message));
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.push(bytes.subarray(at, at + chunkBytes));
  return messages;
}

const ARRAYS = [
  Float32Array.of(1.5, -0, Number.NaN, Number.POSITIVE_INFINITY),
  Float64Array.of(Math.PI),
  Int8Array.of(-128, 127, 3),
  Uint8Array.of(0, 255, 7),
  Int16Array.of(-32_768),
  Uint16Array.of(0x3c00),
  Int32Array.of(-1),
  Uint32Array.of(4_294_967_295),
  BigInt64Array.of(-(2n ** 63n)),
  BigUint64Array.of(2n ** 64n - 1n),
  new Float32Array(0),
];

describe('messages to and from the engine', () => {
  it('come out as they went in, with typed arrays of every kind wherever they stand', () => {
    const message = {
      id: 7,
      kind: 'infer',
      words: ['Blech', '鋼', ''],
      nothing: null,
      inputs: ARRAYS.map((data, i) => ({ name: `input-${i}`, shape: [data.length], data })),
      pictures: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)],
    };
    expect(read(bytesOf(message))).toEqual([message]);
  });

  it.each([1, 3, 8, 13, 64])('come out whole from chunks of %i bytes', (chunkBytes) => {
    const messages = [
      { id: 1, data: Float32Array.from({ length: 100 }, (_, i) => i / 3) },
      { id: 2, kind: 'unload' },
      { id: 3, data: Uint8Array.of(9, 8, 7) },
    ];
    expect(read(bytesOf(...messages), chunkBytes)).toEqual(messages);
  });

  it('carry a view without the rest of its memory', () => {
    const large = Float32Array.from({ length: 1000 }, (_, i) => i);
    const bytes = bytesOf({ data: large.subarray(10, 12) });
    expect(bytes.length).toBeLessThan(120);
    expect(read(bytes)).toEqual([{ data: Float32Array.of(10, 11) }]);
  });

  it('do not change when the chunk that brought them is used again', () => {
    const chunk = bytesOf({ data: Float32Array.of(1, 2) });
    const [message] = read(chunk);
    chunk.fill(0);
    expect(message).toEqual({ data: Float32Array.of(1, 2) });
  });

  it('are refused when they are none', () => {
    expect(() => read(Buffer.from('What is this?'))).toThrow(RangeError);
    const torn = bytesOf({ id: 1 });
    torn.write('x', 9);
    expect(() => read(torn)).toThrow(SyntaxError);
  });
});
