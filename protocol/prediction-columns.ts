/** Predictions as columns: equal values stand once in a dictionary, all else as bytes of which deflate can make little. */
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { decodeFloats, encodeFloats } from './float-column.ts';
import { bytesSchema, decodeInts, encodeInts, intColumnSchema } from './int-column.ts';
import { LIMITS } from './limits.ts';
import { malformed } from './messages.ts';
import { ContextMap } from './prediction-context.ts';
import {
  circumstancesSchema,
  contextsSchema,
  keptShareSchema,
  MAX_CONTEXTS,
  type PredictionColumns,
} from './prediction-rows.ts';
import { type Prediction, ROLES } from './records.ts';
import { decodeTexts, encodeTexts, textColumnSchema } from './text-column.ts';

/** Of a body of version 2 or 3. The names and values are those of `PredictionColumns`. */
const columnsSchema = z.object({
  context: contextsSchema,
  circumstances: circumstancesSchema,
  keptShare: keptShareSchema,
  contextOf: intColumnSchema,
  timeMs: intColumnSchema,
  correlationId: textColumnSchema,
  label: intColumnSchema,
  score: bytesSchema,
  latencyUs: intColumnSchema,
  health: intColumnSchema,
  pairDistance: intColumnSchema,
  featureWidth: intColumnSchema,
  /** The first features of all rows that have one, then their second ones, … */
  features: bytesSchema,
});
type Columns = z.infer<typeof columnsSchema>;

/** @throws CodedError PAYLOAD_TOO_LARGE where fewer records would do */
export function encodePredictionColumns(records: readonly Prediction[]): Columns {
  const featureWidth = records.map(({ features }) => features?.length ?? 0);
  return {
    ...encodeContexts(records),
    timeMs: encodeInts(records.map(({ timeMs }) => timeMs)),
    correlationId: encodeTexts(records.map(({ correlationId }) => correlationId)),
    label: encodeInts(records.map(({ label }) => label)),
    score: encodeFloats(Float32Array.from(records, ({ score }) => score)),
    latencyUs: encodeInts(records.map(({ latencyUs }) => latencyUs)),
    health: encodeInts(records.map(({ health }) => health)),
    pairDistance: encodeInts(records.map(({ seq, pairOf }) => (pairOf === 0 ? 0 : seq - pairOf))),
    featureWidth: encodeInts(featureWidth),
    features: encodeFloats(featuresByPlace(records)),
  };
}

/** @throws CodedError PAYLOAD_MALFORMED */
export function readColumns(value: unknown, count: number): PredictionColumns {
  const parsed = columnsSchema.safeParse(value);
  if (!parsed.success) throw malformed('prediction columns', parsed.error);
  const c = parsed.data;
  const score = decodeFloats(c.score);
  if (score.length !== count) {
    throw protocolError('PAYLOAD_MALFORMED', `prediction columns are not all ${count} long`);
  }
  const featureWidth = decodeInts(c.featureWidth, count);
  return {
    context: c.context,
    circumstances: c.circumstances,
    keptShare: c.keptShare,
    contextOf: decodeInts(c.contextOf, count),
    timeMs: decodeInts(c.timeMs, count),
    correlationId: decodeTexts(c.correlationId, count, LIMITS.correlationIdChars),
    label: decodeInts(c.label, count),
    score,
    latencyUs: decodeInts(c.latencyUs, count),
    health: decodeInts(c.health, count),
    pairDistance: decodeInts(c.pairDistance, count),
    featureWidth,
    features: featuresByRow(decodeFloats(c.features), featureWidth),
  };
}

function encodeContexts(
  records: readonly Prediction[],
): Pick<Columns, 'context' | 'contextOf' | 'circumstances' | 'keptShare'> {
  const context: Columns['context'] = [];
  const circumstances: NonNullable<Columns['circumstances']> = [];
  const keptShare: number[] = [];
  const known = new ContextMap<number>();
  let usual = true;
  const indexes = records.map((record) => {
    let index = known.get(record);
    if (index === undefined) {
      index = context.push([record.run, record.slot, record.model, ROLES.indexOf(record.role)]) - 1;
      circumstances.push([record.tags, record.propensity, record.explored ? 1 : 0]);
      usual &&= record.propensity === 1 && !record.explored && Object.keys(record.tags).length === 0;
      keptShare.push(record.keptShare);
      known.set(record, index);
    }
    return index;
  });
  if (context.length > MAX_CONTEXTS) {
    throw protocolError('PAYLOAD_TOO_LARGE', `a batch has more than ${MAX_CONTEXTS} kinds of prediction`);
  }
  return {
    context,
    ...(usual ? {} : { circumstances }),
    ...(keptShare.every((share) => share === 1) ? {} : { keptShare }),
    contextOf: encodeInts(indexes),
  };
}

/** One feature of all rows varies less than all features of one row. */
function featuresByPlace(records: readonly Prediction[]): Float32Array {
  const rows = records.flatMap(({ features }) => (features ? [features] : []));
  const values = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  for (let place = 0, at = 0; at < values.length; place++) {
    for (const row of rows) if (place < row.length) values[at++] = row[place] as number;
  }
  return values;
}

/** @throws CodedError PAYLOAD_MALFORMED */
function featuresByRow(byPlace: Float32Array, widths: Float64Array): Float32Array {
  let sum = 0;
  let widest = 0;
  for (const width of widths) {
    if (width < 0) sum = Number.NaN;
    sum += width;
    if (width > widest) widest = width;
  }
  if (sum !== byPlace.length) {
    throw protocolError(
      'PAYLOAD_MALFORMED',
      `${byPlace.length} features are not what ${widths.length} rows have`,
    );
  }
  const byRow = new Float32Array(byPlace.length);
  for (let place = 0, from = 0; place < widest; place++) {
    let row = 0;
    for (const width of widths) {
      if (place < width) byRow[row + place] = byPlace[from++] as number;
      row += width;
    }
  }
  return byRow;
}
