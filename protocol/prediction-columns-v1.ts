/** Predictions as devices of version 1 sent them: integers as msgpack arrays, floats as raw float32. Read for ever, made no more. */
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { bytesSchema } from './int-column.ts';
import { LIMITS } from './limits.ts';
import { malformed } from './messages.ts';
import { circumstancesSchema, contextsSchema, type PredictionColumns } from './prediction-rows.ts';

const ints = z.array(z.int()).max(LIMITS.batchRecords);

const columnsSchema = z.object({
  context: contextsSchema,
  circumstances: circumstancesSchema,
  contextOf: bytesSchema,
  /** First value, then differences. */
  timeMs: ints,
  correlationId: z.array(z.string().max(LIMITS.correlationIdChars).nullable()).max(LIMITS.batchRecords),
  label: ints,
  score: bytesSchema,
  latencyUs: ints,
  health: bytesSchema,
  pairDistance: ints,
  featureWidth: ints,
  /** Row after row. */
  features: bytesSchema,
});

/** @throws CodedError PAYLOAD_MALFORMED */
export function readColumnsV1(value: unknown, count: number): PredictionColumns {
  const parsed = columnsSchema.safeParse(value);
  if (!parsed.success) throw malformed('prediction columns', parsed.error);
  const c = parsed.data;
  const columns = [c.contextOf, c.timeMs, c.correlationId, c.label, c.latencyUs, c.health];
  if (
    [...columns, c.pairDistance, c.featureWidth].some(({ length }) => length !== count) ||
    c.score.byteLength !== count * 4
  ) {
    throw protocolError('PAYLOAD_MALFORMED', `prediction columns are not all ${count} long`);
  }
  const features = float32(c.features);
  if (!features.every(Number.isFinite)) {
    throw protocolError('PAYLOAD_MALFORMED', 'prediction columns hold a feature that is no number');
  }
  let timeMs = 0;
  return {
    ...c,
    timeMs: c.timeMs.map((step) => {
      timeMs += step;
      return timeMs;
    }),
    score: float32(c.score),
    features,
  };
}

/** A copy, because msgpack's bytes need not stand on a multiple of four. Trailing odd bytes are malformed input and cut. */
function float32(raw: Uint8Array): Float32Array {
  const copy = new Uint8Array(raw.byteLength - (raw.byteLength % 4));
  copy.set(raw.subarray(0, copy.length));
  return new Float32Array(copy.buffer);
}
