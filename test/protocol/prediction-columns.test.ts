/** Version 2 of a batch of predictions: columns that come out as they went in, weigh little, and are checked value by value. */
import { deflateRawSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatch, encodeBatch } from '../../protocol/batch.ts';
import { codeOf } from '../../protocol/errors.ts';
import { decodeFloats, encodeFloats } from '../../protocol/float-column.ts';
import { decodeInts, encodeInts } from '../../protocol/int-column.ts';
import { encodePredictionColumns } from '../../protocol/prediction-columns.ts';
import type { Prediction } from '../../protocol/records.ts';
import { decodeTexts, encodeTexts, type TextColumn } from '../../protocol/text-column.ts';

const EPOCH = '0123456789abcdef';

function prediction(seq: number, over: Partial<Prediction> = {}): Prediction {
  return {
    seq,
    run: '00000001',
    timeMs: 1_700_000_000_000 + seq * 100,
    slot: 'inspect',
    model: 'a'.repeat(64),
    role: 'champion',
    correlationId: `part-${seq}`,
    label: 0,
    score: 0.5,
    latencyUs: 10,
    health: 0,
    pairOf: 0,
    features: [1, 2],
    tags: {},
    propensity: 1,
    explored: false,
    keptShare: 1,
    ...over,
  };
}

/** A batch of two predictions with columns of the test's own. */
function forge(columns: object): Buffer {
  const body = Buffer.from(encode(columns));
  const header = encodeBatch('predictions', EPOCH, [prediction(1), prediction(2)]).subarray(0, 36);
  header.writeUInt32LE(body.length, 32);
  return Buffer.concat([header, deflateRawSync(body)]);
}

function codeFrom(bytes: Buffer): string {
  try {
    decodeBatch(bytes);
    return 'accepted';
  } catch (error) {
    return codeOf(error);
  }
}

describe('a column of integers', () => {
  const anywhere = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });

  it('comes out as it went in, whatever their size and sign', () => {
    fc.assert(
      fc.property(fc.array(anywhere, { minLength: 1, maxLength: 50 }), (values) => {
        expect([...decodeInts(encodeInts(values), values.length)]).toEqual(values);
      }),
    );
  });

  it('has no bytes where all are equal, and one a row where they count up', () => {
    expect(encodeInts([7, 7, 7])).toEqual([7, new Uint8Array()]);
    expect(encodeInts([1_700_000_000_000, 1_700_000_000_100])[1]).toHaveLength(2);
  });

  it('refuses to hold two neighbours of which the step is not exact', () => {
    const apart = [0, Number.MAX_SAFE_INTEGER];
    expect(() => encodeInts(apart)).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
  });

  it('refuses bytes that are not as many for each row', () => {
    const malformed = expect.objectContaining({ code: 'PAYLOAD_MALFORMED' });
    expect(() => decodeInts([0, new Uint8Array(3)], 2)).toThrow(malformed);
    expect(() => decodeInts([0, new Uint8Array(16)], 2)).toThrow(malformed);
  });
});

describe('a column of texts', () => {
  const ids = fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 20 })), {
    minLength: 1,
    maxLength: 30,
  });

  it('comes out as it went in, in any script', () => {
    fc.assert(
      fc.property(ids, (texts) => {
        expect(decodeTexts(encodeTexts(texts), texts.length, 1000)).toEqual(texts);
      }),
    );
    const halves = ['😀', '😁', '😁😀', '😁😁'];
    expect(decodeTexts(encodeTexts(halves), 4, 128)).toEqual(halves);
  });

  it('is nothing where there is no text', () => {
    expect(encodeTexts([null, null])).toBeNull();
  });

  it.each<[string, TextColumn]>([
    ['shares more than there is', [[5, new Uint8Array()], [2, new Uint8Array()], Buffer.from('ab')]],
    ['shares less than nothing', [[-1, new Uint8Array()], [2, new Uint8Array()], Buffer.from('ab')]],
    ['has fewer characters than it says', [[0, new Uint8Array()], [3, new Uint8Array()], Buffer.from('ab')]],
    ['has a negative length', [[0, new Uint8Array()], [-2, new Uint8Array()], Buffer.from('ab')]],
    ['grows beyond the limit', [[0, new Uint8Array()], [12, new Uint8Array()], Buffer.from('x'.repeat(22))]],
  ])('that %s is refused', (_, column) => {
    expect(() => decodeTexts(column, 2, 10)).toThrow(expect.objectContaining({ code: 'PAYLOAD_MALFORMED' }));
  });
});

describe('a column of floats', () => {
  it('comes out as it went in', () => {
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true }), (values) => {
        expect(decodeFloats(encodeFloats(values))).toEqual(values);
      }),
    );
  });

  it.each([
    ['cut', new Uint8Array(5)],
    ['no number', new Uint8Array(4).fill(0xff)],
  ])('that is %s is refused', (_, bytes) => {
    expect(() => decodeFloats(bytes)).toThrow(expect.objectContaining({ code: 'PAYLOAD_MALFORMED' }));
  });
});

describe('a batch of predictions', () => {
  it.each<[string, (columns: Record<string, unknown>) => void]>([
    ['a column that is missing', (c) => delete c.health],
    ['a column that is too short', (c) => (c.label = [0, new Uint8Array(1)])],
    ['too few scores', (c) => (c.score = new Uint8Array(4))],
    ['a score that is no number', (c) => (c.score = new Uint8Array(8).fill(0xff))],
    ['a context that is not there', (c) => (c.contextOf = [1, new Uint8Array()])],
    [
      'circumstances of another context',
      (c) =>
        (c.circumstances = [
          [{}, 1, 0],
          [{}, 1, 0],
        ]),
    ],
    ['a label beyond the largest', (c) => (c.label = [1000, new Uint8Array()])],
    ['a label below 0', (c) => (c.label = [0, new Uint8Array([0, 1])])],
    ['a latency below 0', (c) => (c.latencyUs = [-1, new Uint8Array()])],
    ['a time before 1970', (c) => (c.timeMs = [-1, new Uint8Array()])],
    [
      'a time beyond the safe integers',
      (c) => (c.timeMs = [Number.MAX_SAFE_INTEGER, new Uint8Array([0, 2])]),
    ],
    ['a pair before the first record', (c) => (c.pairDistance = [1, new Uint8Array()])],
    ['more features than came', (c) => (c.featureWidth = [3, new Uint8Array()])],
    ['fewer features than came', (c) => (c.featureWidth = [1, new Uint8Array()])],
    ['features that make up for each other', (c) => (c.featureWidth = [-1, new Uint8Array([0, 12])])],
    ['a text for a first integer', (c) => (c.label = ['1', new Uint8Array()])],
  ])('with %s is refused', (_, spoil) => {
    const columns: Record<string, unknown> = encodePredictionColumns([prediction(1), prediction(2)]);
    expect(codeFrom(forge(columns))).toBe('accepted');
    spoil(columns);
    expect(codeFrom(forge(columns))).toBe('PAYLOAD_MALFORMED');
  });

  it('passes over columns of a later version', () => {
    const columns = { ...encodePredictionColumns([prediction(1), prediction(2)]), later: [1, 2] };
    expect(decodeBatch(forge(columns)).records).toEqual([prediction(1), prediction(2)]);
  });

  it('keeps rows of different widths apart', () => {
    const rows = [[1, 2, 3], null, [4], [5, 6]].map((features, i) => prediction(i + 1, { features }));
    expect(decodeBatch(encodeBatch('predictions', EPOCH, rows)).records).toEqual(rows);
  });

  it('takes a byte for all ids of parts that are counted up', () => {
    const parts = Array.from({ length: 4096 }, (_, i) => prediction(i + 1, { features: null }));
    const nameless = parts.map((part) => ({ ...part, correlationId: null }));
    const bytes = (records: Prediction[]) => encodeBatch('predictions', EPOCH, records).length;
    expect(bytes(parts) - bytes(nameless)).toBeLessThan(4096);
  });
});
