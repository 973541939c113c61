/**
 * Predictions as columns: equal values stand once in a dictionary, integers as differences (msgpack writes small
 * integers in one byte), floats as raw float32. Deflate then finds little left to do.
 */
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { malformed } from './messages.ts';
import { type Circumstances, ContextMap } from './prediction-context.ts';
import { type Prediction, ROLES } from './records.ts';
import { NO_TAGS, tagsSchema } from './tags.ts';

const ints = z.array(z.int()).max(LIMITS.batchRecords);
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes');

/** A row's index is one byte. */
const MAX_CONTEXTS = 256;
const USUAL: Circumstances = { tags: NO_TAGS, propensity: 1, explored: false, keptShare: 1 };

const columnsSchema = z.object({
  /** Distinct [run, slot, model, role index] of the rows, and each row's index in it. */
  context: z
    .array(
      z.tuple([
        z.string().regex(/^[0-9a-f]{8}$/),
        z.string().min(1).max(64),
        z.string().regex(/^[0-9a-f]{64}$/),
        z
          .int()
          .min(0)
          .max(ROLES.length - 1),
      ]),
    )
    .min(1)
    .max(MAX_CONTEXTS),
  /**
   * [tags, propensity, explored (0 or 1)] of each context; absent where all of them are the usual ones. A column of its
   * own, because readers from before it refuse a context of more than four parts and skip a column they do not know.
   */
  circumstances: z
    .array(z.tuple([tagsSchema, z.number().gt(0).max(1), z.int().min(0).max(1)]))
    .max(MAX_CONTEXTS)
    .optional(),
  /** Of each context; absent where nothing was thinned out. */
  keptShare: z.array(z.number().gt(0).max(1)).max(MAX_CONTEXTS).optional(),
  contextOf: bytes,
  /** First value, then differences. */
  timeMs: ints,
  correlationId: z.array(z.string().max(LIMITS.correlationIdChars).nullable()).max(LIMITS.batchRecords),
  label: ints,
  score: bytes,
  latencyUs: ints,
  health: bytes,
  /** seq - pairOf for shadows, 0 otherwise. */
  pairDistance: ints,
  /** Rows of features, and each row's width (0: none). */
  featureWidth: ints,
  features: bytes,
});
type Columns = z.infer<typeof columnsSchema>;

export function encodePredictionColumns(records: readonly Prediction[]): Columns {
  const context: Columns['context'] = [];
  const circumstances: NonNullable<Columns['circumstances']> = [];
  const keptShare: number[] = [];
  let usual = true;
  const contextIndex = new ContextMap<number>();
  const contextOf = new Uint8Array(records.length);
  const score = new Float32Array(records.length);
  const health = new Uint8Array(records.length);
  const features = new Float32Array(records.reduce((sum, r) => sum + (r.features?.length ?? 0), 0));
  let featuresAt = 0;
  let previousMs = 0;
  const timeMs = records.map((record, i) => {
    let index = contextIndex.get(record);
    if (index === undefined) {
      index = context.push([record.run, record.slot, record.model, ROLES.indexOf(record.role)]) - 1;
      circumstances.push([record.tags, record.propensity, record.explored ? 1 : 0]);
      keptShare.push(record.keptShare);
      usual &&= record.propensity === 1 && !record.explored && Object.keys(record.tags).length === 0;
      contextIndex.set(record, index);
      if (index >= MAX_CONTEXTS) {
        throw protocolError('PAYLOAD_TOO_LARGE', `a batch has more than ${MAX_CONTEXTS} kinds of prediction`);
      }
    }
    contextOf[i] = index;
    score[i] = record.score;
    health[i] = record.health;
    if (record.features) {
      features.set(record.features, featuresAt);
      featuresAt += record.features.length;
    }
    const difference = record.timeMs - previousMs;
    previousMs = record.timeMs;
    return difference;
  });
  return {
    context,
    ...(usual ? {} : { circumstances }),
    ...(keptShare.every((share) => share === 1) ? {} : { keptShare }),
    contextOf,
    timeMs,
    correlationId: records.map((r) => r.correlationId),
    label: records.map((r) => r.label),
    score: rawBytes(score),
    latencyUs: records.map((r) => r.latencyUs),
    health,
    pairDistance: records.map((r) => (r.pairOf === 0 ? 0 : r.seq - r.pairOf)),
    featureWidth: records.map((r) => r.features?.length ?? 0),
    features: rawBytes(features),
  };
}

/**
 * @param seqs of the records, one each
 * @throws CodedError PAYLOAD_MALFORMED
 */
export function decodePredictionColumns(value: unknown, seqs: readonly number[]): Prediction[] {
  const count = seqs.length;
  const parsed = columnsSchema.safeParse(value);
  if (!parsed.success) throw malformed('prediction columns', parsed.error);
  const c = parsed.data;
  const lengths = [
    c.contextOf,
    c.timeMs,
    c.correlationId,
    c.label,
    c.latencyUs,
    c.health,
    c.pairDistance,
    c.featureWidth,
  ];
  if (lengths.some((column) => column.length !== count) || c.score.byteLength !== count * 4) {
    throw protocolError('PAYLOAD_MALFORMED', `prediction columns are not all ${count} long`);
  }
  if ([c.circumstances, c.keptShare].some((column) => column && column.length !== c.context.length)) {
    throw protocolError('PAYLOAD_MALFORMED', 'prediction columns have contexts without circumstances');
  }
  const circumstances = c.context.map((_, i): Circumstances => {
    const [tags = NO_TAGS, propensity = 1, explored = 0] = c.circumstances?.[i] ?? [];
    return { tags, propensity, explored: explored === 1, keptShare: c.keptShare?.[i] ?? 1 };
  });
  const score = float32(c.score);
  const features = float32(c.features);
  if (!features.every(Number.isFinite)) {
    throw protocolError('PAYLOAD_MALFORMED', 'prediction columns hold a feature that is no number');
  }
  const records: Prediction[] = new Array(count);
  let timeMs = 0;
  let featuresAt = 0;
  for (let i = 0; i < count; i++) {
    const contextIndex = c.contextOf[i] as number;
    const context = c.context[contextIndex];
    const { tags, propensity, explored, keptShare } = circumstances[contextIndex] ?? USUAL;
    const width = c.featureWidth[i] as number;
    const label = c.label[i] as number;
    const latencyUs = c.latencyUs[i] as number;
    const distance = c.pairDistance[i] as number;
    const seq = seqs[i] as number;
    timeMs += c.timeMs[i] as number;
    const valid =
      context &&
      inRange(label, 999) &&
      inRange(width, 1024) &&
      latencyUs >= 0 &&
      timeMs >= 0 &&
      Number.isSafeInteger(timeMs) &&
      inRange(distance, seq - 1);
    if (!valid || featuresAt + width > features.length || !Number.isFinite(score[i])) {
      throw protocolError('PAYLOAD_MALFORMED', `prediction ${seq} has a value out of range`);
    }
    records[i] = {
      seq,
      run: context[0],
      timeMs,
      slot: context[1],
      model: context[2],
      role: ROLES[context[3]] as Prediction['role'],
      correlationId: c.correlationId[i] as string | null,
      label,
      score: score[i] as number,
      latencyUs,
      health: (c.health[i] as number) & 31,
      pairOf: distance === 0 ? 0 : seq - distance,
      features: width === 0 ? null : Array.from(features.subarray(featuresAt, featuresAt + width)),
      tags,
      propensity,
      explored,
      keptShare,
    };
    featuresAt += width;
  }
  return records;
}

function inRange(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}

function rawBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A copy, because msgpack's bytes need not stand on a multiple of four. Trailing odd bytes are malformed input and cut. */
function float32(raw: Uint8Array): Float32Array {
  const copy = new Uint8Array(raw.byteLength - (raw.byteLength % 4));
  copy.set(raw.subarray(0, copy.length));
  return new Float32Array(copy.buffer);
}
