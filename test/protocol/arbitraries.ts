/** Records of every stream as fast-check makes them, at the edges of what the schemas allow. */
import fc from 'fast-check';
import { LIMITS } from '../../protocol/limits.ts';
import { MAX_PRECEDENCE, type RecordOf, ROLES, SEVERITIES, type Stream } from '../../protocol/records.ts';
import type { Tags } from '../../protocol/tags.ts';

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((d) => d.join(''));
// The sign of zero may be lost on the way.
const float = fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
/** Any characters, many bytes each. */
const text = (maxLength: number, minLength = 0) =>
  fc
    .string({ unit: 'grapheme', minLength, maxLength: maxLength })
    .map((s) => s.slice(0, maxLength))
    .filter((s) => s.length >= minLength);
const timeMs = fc.integer({ min: 0, max: 4_102_444_800_000 });
const slot = text(64, 1);
const label = fc.integer({ min: 0, max: 999 });

type New<S extends Stream> = Omit<RecordOf[S], 'seq'>;

const prediction: fc.Arbitrary<New<'predictions'>> = fc.record({
  run: hex(8),
  timeMs,
  slot: fc.constantFrom('inspect', 'milling', 'ä'.repeat(64)),
  model: fc.constantFrom('0'.repeat(64), 'f'.repeat(64)),
  role: fc.constantFrom(...ROLES),
  correlationId: fc.option(text(LIMITS.correlationIdChars)),
  label,
  score: float,
  latencyUs: fc.integer({ min: 0, max: 2 ** 40 }),
  health: fc.integer({ min: 0, max: 31 }),
  pairOf: fc.constant(0),
  features: fc.option(fc.array(float, { minLength: 1, maxLength: 40 })),
  tags: fc.constantFrom<Tags>(
    {},
    { shift: 'early', line: '1' },
    { line: '1', shift: 'early' },
    { operator: 'ü'.repeat(64) },
  ),
  propensity: fc.constantFrom(1, 0.05, 5e-324),
  explored: fc.boolean(),
  keptShare: fc.constantFrom(1, 0.5, 2 ** -10),
});

const feedback: fc.Arbitrary<New<'feedback'>> = fc.record({
  timeMs,
  predictionSeq: fc.integer({ min: 1, max: 2 ** 50 }),
  slot,
  kind: fc.constantFrom('explicit', 'implicit'),
  label,
  weight: fc.double({ min: 0, max: 1, noNaN: true }),
  rule: text(256),
  evidence: text(256),
  precedence: fc.integer({ min: 0, max: MAX_PRECEDENCE }),
  withdrawn: fc.boolean(),
  observedMs: fc.option(timeMs),
});

const metric: fc.Arbitrary<New<'metrics'>> = fc.record({
  timeMs,
  name: text(64, 1),
  slot: fc.option(text(64)),
  value: finite,
});

const event: fc.Arbitrary<New<'events'>> = fc.record({
  timeMs,
  kind: text(64, 1),
  severity: fc.constantFrom(...SEVERITIES),
  slot: fc.option(text(64)),
  message: text(1024),
  data: fc.dictionary(
    text(64).filter((key) => key !== '__proto__'),
    fc.oneof(text(512), finite, fc.boolean(), fc.constant(null)),
    { maxKeys: 8, noNullPrototype: true },
  ),
});

const newRecord = { predictions: prediction, feedback, metrics: metric, events: event } as const;

export interface Run<S extends Stream = Stream> {
  readonly stream: S;
  readonly storeEpoch: string;
  readonly records: RecordOf[S][];
  readonly gapBefore: number;
}

/** Records of one stream in their order, maybe with gaps, and how many were dropped before them. */
export function runOf<S extends Stream>(stream: S): fc.Arbitrary<Run<S>> {
  return fc
    .record({
      storeEpoch: hex(16),
      firstSeq: fc.integer({ min: 1, max: 2 ** 48 }),
      gap: fc.double({ min: 0, max: 1, noNaN: true }),
      rows: fc.array(newRecord[stream] as fc.Arbitrary<New<S>>, { minLength: 1, maxLength: 30 }),
      pairs: fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 30, maxLength: 30 }),
      skips: fc.option(fc.array(fc.constantFrom(0, 1, 7, 2 ** 20), { minLength: 30, maxLength: 30 })),
    })
    .map(({ storeEpoch, firstSeq, gap, rows, pairs, skips }) => {
      let seq = firstSeq - 1;
      const records = rows.map((row, i) => {
        seq += 1 + (i > 0 ? (skips?.[i] ?? 0) : 0);
        return pairUp({ ...row, seq } as unknown as RecordOf[S], pairs[i] ?? 0);
      });
      return { stream, storeEpoch, gapBefore: Math.floor(gap * (firstSeq - 1)), records };
    });
}

/** Gives a shadow the deciding prediction that it looked over the shoulder of. */
function pairUp<R extends { seq: number }>(record: R, distance: number): R {
  if (!('pairOf' in record) || distance === 0 || distance >= record.seq) return record;
  return { ...record, pairOf: record.seq - distance };
}
