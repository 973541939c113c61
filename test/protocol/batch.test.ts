/** The binary batch: what goes in comes out, and what is broken is refused before it costs anything. */
import { deflateRawSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatch, decodeBatchHeader, encodeBatch } from '../../protocol/batch.ts';
import { CodedError, codeOf } from '../../protocol/errors.ts';
import { encodeInts } from '../../protocol/int-column.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { encodePredictionColumns } from '../../protocol/prediction-columns.ts';
import { type EventRecord, type Prediction, STREAMS } from '../../protocol/records.ts';
import { runOf } from './arbitraries.ts';

const epoch = '0123456789abcdef';

const event: EventRecord = {
  seq: 7,
  timeMs: 1_700_000_000_000,
  kind: 'drift',
  severity: 'warning',
  slot: 'inspect',
  message: 'torque drifts',
  data: { psi: 0.3 },
};

const prediction: Prediction = {
  seq: 1,
  run: '00000001',
  timeMs: 1_700_000_000_000,
  slot: 'inspect',
  model: 'a'.repeat(64),
  role: 'champion',
  correlationId: null,
  label: 0,
  score: 0.5,
  latencyUs: 10,
  health: 0,
  pairOf: 0,
  features: null,
  tags: {},
  propensity: 1,
  keptShare: 1,
  explored: false,
};

function predictions(count: number): Prediction[] {
  return Array.from({ length: count }, (_, i) => ({ ...prediction, seq: i + 1, correlationId: `part-${i}` }));
}

/** A batch with a body of our making: `stream` is its index, `claimed` the inflated size in the header. */
function forge(
  body: Buffer,
  options: { stream?: number; count?: number; claimed?: number; firstSeq?: bigint } = {},
): Buffer {
  const { stream = 3, count = 1, claimed = body.length, firstSeq = 1n } = options;
  const header = Buffer.alloc(36);
  header.writeUInt8(0xa7, 0);
  header.writeUInt8(1, 1);
  header.writeUInt8(stream, 2);
  header.writeBigUInt64LE(firstSeq, 12);
  header.writeUInt32LE(count, 28);
  header.writeUInt32LE(claimed, 32);
  return Buffer.concat([header, deflateRawSync(body)]);
}

function codeFrom(bytes: Buffer): string {
  try {
    decodeBatch(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    return codeOf(error);
  }
  return 'accepted';
}

describe('a batch', () => {
  it.each(STREAMS)('of %s comes out as it went in', (stream) => {
    fc.assert(
      fc.property(runOf(stream), (run) => {
        const batch = decodeBatch(encodeBatch(run.stream, run.storeEpoch, run.records, run.gapBefore));
        expect(batch).toEqual({
          ...run,
          firstSeq: run.records[0]?.seq,
          count: run.records.length,
          lastSeq: run.records.at(-1)?.seq,
        });
      }),
      { numRuns: 150 },
    );
  });

  it.each(STREAMS)('of %s tells its header without its body', (stream) => {
    fc.assert(
      fc.property(runOf(stream), (run) => {
        const bytes = encodeBatch(run.stream, run.storeEpoch, run.records, run.gapBefore);
        const { records: _, ...header } = decodeBatch(bytes);
        expect(decodeBatchHeader(bytes.subarray(0, 44))).toEqual(header);
      }),
      { numRuns: 30 },
    );
  });

  it.each(STREAMS)('of %s is refused when it was cut off at any byte', (stream) => {
    fc.assert(
      fc.property(runOf(stream), (run) => {
        const bytes = encodeBatch(run.stream, run.storeEpoch, run.records.slice(0, 3), 0);
        for (let length = 0; length < bytes.length; length++) {
          expect(codeFrom(bytes.subarray(0, length))).toMatch(/^PAYLOAD_(TRUNCATED|MALFORMED)$/);
        }
      }),
      { numRuns: 10 },
    );
  });

  it.each(STREAMS)('of %s with any bits flipped is refused under a code or stays a valid batch', (stream) => {
    fc.assert(
      fc.property(runOf(stream), fc.infiniteStream(fc.nat()), (run, random) => {
        const bytes = encodeBatch(run.stream, run.storeEpoch, run.records, run.gapBefore);
        for (let i = 0; i < 3; i++) {
          const at = Number(random.next().value) % bytes.length;
          bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (Number(random.next().value) % 8)), at);
        }
        expect(codeFrom(bytes)).toMatch(/^(PAYLOAD_[A-Z_]+|accepted)$/);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws anything but a coded error, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => {
        expect(codeFrom(Buffer.from(junk))).toMatch(/^PAYLOAD_/);
        expect(codeFrom(forge(Buffer.from(junk), { stream: junk[0] ?? 0 }))).toMatch(/^(PAYLOAD_|accepted)/);
      }),
    );
  });

  it('of a newer version is refused as such', () => {
    const bytes = encodeBatch('events', epoch, [event]);
    bytes.writeUInt8(3, 1);
    expect(codeFrom(bytes)).toBe('PAYLOAD_VERSION_UNKNOWN');
  });

  it.each([
    [
      'that claims too much',
      forge(Buffer.alloc(8), { claimed: LIMITS.batchInflatedBytes + 1 }),
      'PAYLOAD_EXPANDS_TOO_FAR',
    ],
    [
      'that claims little and inflates far',
      forge(Buffer.alloc(100_000_000), { claimed: 1000 }),
      'PAYLOAD_EXPANDS_TOO_FAR',
    ],
    ['of arrays in arrays without end', forge(Buffer.alloc(4_000_000, 0x91)), 'PAYLOAD_EXPANDS_TOO_FAR'],
    [
      'of more little maps than rows can have',
      forge(Buffer.concat([Buffer.from([0xdd, 0, 1, 0, 0]), Buffer.alloc(65_536, 0x80)])),
      'PAYLOAD_EXPANDS_TOO_FAR',
    ],
    ['that claims more than it inflates to', forge(Buffer.from([0x90]), { claimed: 2 }), 'PAYLOAD_TRUNCATED'],
    ['larger than a message', Buffer.alloc(LIMITS.messageBytes + 1), 'PAYLOAD_TOO_LARGE'],
    ['with the wrong first byte', Buffer.alloc(100), 'PAYLOAD_MALFORMED'],
    ['of an unknown stream', forge(Buffer.from([0x90]), { stream: 4 }), 'PAYLOAD_MALFORMED'],
    ['of no records', forge(Buffer.from([0x90]), { count: 0 }), 'PAYLOAD_MALFORMED'],
    [
      'of too many records',
      forge(Buffer.from([0x90]), { count: LIMITS.batchRecords + 1 }),
      'PAYLOAD_MALFORMED',
    ],
    ['with fewer rows than it says', forge(Buffer.from(encode([{}])), { count: 2 }), 'PAYLOAD_MALFORMED'],
    ['with rows that are no records', forge(Buffer.from(encode([{ kind: 1 }]))), 'PAYLOAD_MALFORMED'],
    ['that begins at record 0', forge(Buffer.from(encode([event])), { firstSeq: 0n }), 'PAYLOAD_MALFORMED'],
    [
      'beyond the safe integers',
      forge(Buffer.from(encode([event])), { firstSeq: 2n ** 53n }),
      'PAYLOAD_MALFORMED',
    ],
  ])('%s is refused', (_, bytes, code) => {
    expect(codeFrom(bytes)).toBe(code);
  });

  it.each<[string, (columns: Record<string, unknown>) => void]>([
    ['a column that is too short', (c) => (c.label as number[]).pop()],
    ['a column that is missing', (c) => delete c.health],
    ['a context that is not there', (c) => (c.contextOf as Uint8Array).fill(9)],
    ['a role that is not there', (c) => (((c.context as unknown[][])[0] as unknown[])[3] = 3)],
    ['features beyond their end', (c) => (c.featureWidth as number[]).fill(5)],
    ['a score that is no number', (c) => (c.score as Uint8Array).fill(0xff)],
    ['a feature that is no number', (c) => (c.features = new Uint8Array(4).fill(0xff))],
    ['a time beyond the safe integers', (c) => (c.timeMs as number[]).fill(Number.MAX_SAFE_INTEGER)],
    ['a time before 1970', (c) => (c.timeMs as number[]).fill(-1)],
    ['a pair before the first record', (c) => (c.pairDistance as number[]).fill(9)],
    ['a text for a label', (c) => (c.label as unknown[]).fill('1')],
  ])('of predictions with %s is refused', (_, spoil) => {
    const columns: Record<string, unknown> = {
      context: [['00000001', 'inspect', 'a'.repeat(64), 0]],
      contextOf: new Uint8Array(2),
      timeMs: [1_700_000_000_000, 1],
      correlationId: [null, 'p'],
      label: [0, 1],
      score: new Uint8Array(8),
      latencyUs: [1, 2],
      health: new Uint8Array(2),
      pairDistance: [0, 0],
      featureWidth: [0, 0],
      features: new Uint8Array(0),
    };
    expect(codeFrom(forge(Buffer.from(encode(columns)), { stream: 0, count: 2 }))).toBe('accepted');
    spoil(columns);
    expect(codeFrom(forge(Buffer.from(encode(columns)), { stream: 0, count: 2 }))).toBe('PAYLOAD_MALFORMED');
  });

  it.each<[string, (columns: unknown) => unknown]>([
    ['that do not lead to its last record', (columns) => [encodeInts([0, 2]), columns]],
    ['before its first record', (columns) => [encodeInts([1, 0]), columns]],
    ['for fewer records than it has', (columns) => [encodeInts([1]), columns]],
    ['backwards', (columns) => [encodeInts([3, -2]), columns]],
    ['that are missing', (columns) => columns],
  ])('with gaps %s is refused', (_, spoilt) => {
    const records = [prediction, { ...prediction, seq: 3 }];
    const batch = encodeBatch('predictions', epoch, records);
    const body = Buffer.from(encode(spoilt(encodePredictionColumns(records))));
    batch.writeUInt32LE(body.length, 32);
    expect(codeFrom(Buffer.concat([batch.subarray(0, 44), deflateRawSync(body)]))).toBe('PAYLOAD_MALFORMED');
  });

  it('with gaps that ends before its records do is refused', () => {
    const batch = encodeBatch('predictions', epoch, [prediction, { ...prediction, seq: 3 }]);
    batch.writeBigUInt64LE(2n, 36);
    expect(codeFrom(batch)).toBe('PAYLOAD_MALFORMED');
  });

  it('of which half was thinned out takes less than half a byte more for each record that is left', () => {
    const whole = predictions(4096);
    const left = whole.map((p, i) => ({ ...p, seq: 2 * p.seq + ((i * 2654435761) >>> 31) }));
    const bytes = (records: Prediction[]) => encodeBatch('predictions', epoch, records).length / 4096;
    expect(bytes(left) - bytes(whole)).toBeLessThan(0.5);
  });

  it('passes over fields of a later version', () => {
    const body = Buffer.from(encode([{ ...event, later: 'field' }]));
    const { records } = decodeBatch(forge(body, { firstSeq: 7n }));
    expect(records).toEqual([event]);
  });

  it('takes as much text as the schemas allow, whatever script it is in', () => {
    const wide = { ...event, message: '警'.repeat(1024) };
    expect(decodeBatch(encodeBatch('events', epoch, [wide])).records).toEqual([wide]);
  });

  it('refuses to be made larger than a message or longer than allowed', () => {
    const many = predictions(LIMITS.batchRecords + 1);
    expect(() => encodeBatch('predictions', epoch, many)).toThrowError(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }),
    );
    expect(encodeBatch('predictions', epoch, many.slice(1)).length).toBeLessThan(LIMITS.messageBytes);
    const noisy = predictions(4096).map((p) => ({ ...p, features: Array.from({ length: 64 }, Math.random) }));
    expect(() => encodeBatch('predictions', epoch, noisy)).toThrowError(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }),
    );
    expect(() => encodeBatch('events', epoch, [])).toThrow(RangeError);
  });

  it('takes little room: a lone event weighs little more than its own words', () => {
    const words = event.message.length + event.kind.length + 'inspect'.length + 'psi'.length;
    expect(encodeBatch('events', epoch, [event]).length).toBeLessThan(36 + words + 60);
  });

  it('takes little room: 4096 predictions of one model in under 12 bytes each', () => {
    expect(encodeBatch('predictions', epoch, predictions(4096)).length / 4096).toBeLessThan(12);
  });
});
