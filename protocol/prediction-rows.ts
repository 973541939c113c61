/** From columns back to predictions, whichever version of a batch they came in: every value is checked here. */
import { z } from 'zod';
import { protocolError } from './errors.ts';
import type { Circumstances } from './prediction-context.ts';
import { type Prediction, ROLES } from './records.ts';
import { NO_TAGS, tagsSchema } from './tags.ts';

export const MAX_CONTEXTS = 256;
const MAX_LABEL = 999;
const MAX_FEATURES = 1024;

/** Distinct [run, slot, model, role index] of the rows. */
export const contextsSchema = z
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
  .max(MAX_CONTEXTS);

/** [tags, propensity, explored (0 or 1)] of each context; absent where all of them are the usual ones. */
export const circumstancesSchema = z
  .array(z.tuple([tagsSchema, z.number().gt(0).max(1), z.int().min(0).max(1)]))
  .max(MAX_CONTEXTS)
  .optional();

/** Of each context; absent where nothing was thinned out. */
export const keptShareSchema = z.array(z.number().gt(0).max(1)).max(MAX_CONTEXTS).optional();

/** As they were read, a value a row; nothing of it is checked but the lengths. */
export interface PredictionColumns {
  readonly context: z.infer<typeof contextsSchema>;
  readonly circumstances?: z.infer<typeof circumstancesSchema>;
  readonly keptShare?: z.infer<typeof keptShareSchema>;
  /** Index in `context`. */
  readonly contextOf: ArrayLike<number>;
  readonly timeMs: ArrayLike<number>;
  readonly correlationId: readonly (string | null)[];
  readonly label: ArrayLike<number>;
  readonly score: ArrayLike<number>;
  readonly latencyUs: ArrayLike<number>;
  readonly health: ArrayLike<number>;
  /** seq - pairOf for shadows, 0 otherwise. */
  readonly pairDistance: ArrayLike<number>;
  /** How many features each row has; 0: none. */
  readonly featureWidth: ArrayLike<number>;
  /** Of all rows, one row after the other. */
  readonly features: Float32Array;
}

/**
 * @param seqs of the records, one each
 * @throws CodedError PAYLOAD_MALFORMED
 */
export function predictionsOf(columns: PredictionColumns, seqs: ArrayLike<number>): Prediction[] {
  const count = seqs.length;
  const { features, ...c } = columns;
  const circumstances = circumstancesOf(columns);
  const records: Prediction[] = new Array(count);
  let featuresAt = 0;
  for (let i = 0; i < count; i++) {
    const seq = seqs[i] as number;
    const contextIndex = c.contextOf[i] as number;
    const context = c.context[contextIndex];
    const around = circumstances[contextIndex];
    const width = c.featureWidth[i] as number;
    const label = c.label[i] as number;
    const timeMs = c.timeMs[i] as number;
    const latencyUs = c.latencyUs[i] as number;
    const distance = c.pairDistance[i] as number;
    const valid =
      context &&
      around &&
      inRange(label, MAX_LABEL) &&
      inRange(width, MAX_FEATURES) &&
      inRange(latencyUs, Number.MAX_SAFE_INTEGER) &&
      inRange(timeMs, Number.MAX_SAFE_INTEGER) &&
      inRange(distance, seq - 1);
    if (!valid || featuresAt + width > features.length || !Number.isFinite(c.score[i])) {
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
      score: c.score[i] as number,
      latencyUs,
      health: (c.health[i] as number) & 31,
      pairOf: distance === 0 ? 0 : seq - distance,
      features: width === 0 ? null : Array.from(features.subarray(featuresAt, featuresAt + width)),
      tags: around.tags,
      propensity: around.propensity,
      explored: around.explored,
      keptShare: around.keptShare,
    };
    featuresAt += width;
  }
  return records;
}

function circumstancesOf({ context, circumstances, keptShare }: PredictionColumns): Circumstances[] {
  if ([circumstances, keptShare].some((column) => column && column.length !== context.length)) {
    throw protocolError('PAYLOAD_MALFORMED', 'prediction columns have contexts without circumstances');
  }
  return (circumstances ?? context.map(() => [NO_TAGS, 1, 0] as const)).map(
    ([tags, propensity, explored], i) => ({
      tags,
      propensity,
      explored: explored === 1,
      keptShare: keptShare?.[i] ?? 1,
    }),
  );
}

function inRange(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}
