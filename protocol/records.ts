/**
 * The records of a device's four streams. Every record carries the `seq` of its stream: from 1, in the order in which the
 * device committed it, without a gap but for what retention dropped and counted. `(device, storeEpoch, stream, seq)` names a record for ever.
 */
import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { tagsSchema } from './tags.ts';

export const STREAMS = ['predictions', 'feedback', 'metrics', 'events'] as const;
export type Stream = (typeof STREAMS)[number];

/** Who decided for the line (`champion`, `canary`), or only looked on (`shadow`). */
export const ROLES = ['champion', 'canary', 'shadow'] as const;
export type Role = (typeof ROLES)[number];

/** Input health as a bit set; 0 is healthy. */
export const INPUT_HEALTH = { missing: 1, outOfRange: 2, stale: 4, stuck: 8, drifting: 16 } as const;

const seq = z.int().min(1);
const text = z.string().max(256);

export const predictionSchema = z.object({
  seq,
  /** The agent start that made it; `${run}-${seq}` is the prediction's public id. */
  run: z.string().regex(/^[0-9a-f]{8}$/),
  /** Wall clock of the device, ms since the Unix epoch. */
  timeMs: z.int().min(0),
  slot: z.string().min(1).max(64),
  /** sha256 of the manifest of the model that spoke. */
  model: z.string().regex(/^[0-9a-f]{64}$/),
  role: z.enum(ROLES),
  correlationId: z.string().max(LIMITS.correlationIdChars).nullable(),
  /** Index into the manifest's labels. */
  label: z.int().min(0).max(999),
  /** Probability or anomaly score behind the label. */
  score: z.number(),
  /** Sample accepted to decision made, microseconds. */
  latencyUs: z.int().min(0),
  health: z.int().min(0).max(31),
  /** For a shadow: the seq of the deciding prediction of the same sample. 0 otherwise. */
  pairOf: z.int().min(0),
  /** The input row, only where the slot's privacy policy lets features leave. */
  features: z.array(z.number()).max(1024).nullable(),
  /** The slices that it belongs to: line, shift, operator, product, … `source-version` is that of the source's schema or firmware. */
  tags: tagsSchema.readonly().default({}),
  /** Chance that the truth of this prediction can be seen at all. */
  propensity: z.number().gt(0).max(1).default(1),
  /** A part that the model would have rejected went on for inspection, by chance. */
  explored: z.boolean().default(false),
  /**
   * Chance that a device whose store was full kept just this prediction: it stands for 1 / keptShare like it, by which every
   * count, rate and metric weighs it. 1 where nothing was thinned out.
   */
  keptShare: z.number().gt(0).max(1).default(1),
});
export type Prediction = z.infer<typeof predictionSchema>;

export const MAX_PRECEDENCE = 1000;
/** Of evidence that states none: what devices sent before precedence was on the wire. */
export const DEFAULT_PRECEDENCE = 500;

/**
 * Evidence about one prediction: what a feedback rule or an operator concluded. Which label stands when there is more
 * than one piece of it, labels/standing-label.ts tells.
 */
const feedbackSchema = z.object({
  seq,
  /** When it was concluded. */
  timeMs: z.int().min(0),
  /** seq of the deciding prediction in the same store epoch. */
  predictionSeq: seq,
  slot: z.string().min(1).max(64),
  kind: z.enum(['explicit', 'implicit']),
  /** Index of the true label. */
  label: z.int().min(0).max(999),
  /** How much the label is trusted, 0..1. */
  weight: z.number().min(0).max(1),
  /** The rule's name, or `operator`. */
  rule: text,
  /** Words for people: what was seen. */
  evidence: text,
  /** The higher goes first; an operator has the highest. */
  precedence: z.int().min(0).max(MAX_PRECEDENCE).default(DEFAULT_PRECEDENCE),
  /** What this rule said before is taken back: it has no label for this prediction after all. */
  withdrawn: z.boolean().default(false),
  /** When what it tells of happened, which may be days before it was heard of; null: when it was concluded. */
  observedMs: z.int().min(0).nullable().default(null),
});
export type Feedback = z.infer<typeof feedbackSchema>;
/** As a device makes it: what is usual need not be said. */
export type NewFeedback = Omit<z.input<typeof feedbackSchema>, 'seq'>;

/** Counters and gauges of the device over a period, a row a minute or so. */
const metricSchema = z.object({
  seq,
  timeMs: z.int().min(0),
  name: z.string().min(1).max(64),
  slot: z.string().max(64).nullable(),
  value: z.number(),
});
export type MetricRecord = z.infer<typeof metricSchema>;

export const SEVERITIES = ['info', 'warning', 'alarm'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Something worth telling: drift, alarm, model activated, records dropped (a gap), restart. */
const eventSchema = z.object({
  seq,
  timeMs: z.int().min(0),
  /** Stable, kebab-case: `drift`, `model-activated`, `model-rolled-back`, `model-refused`, `records-dropped`, `silence`. */
  kind: z.string().min(1).max(64),
  severity: z.enum(SEVERITIES),
  slot: z.string().max(64).nullable(),
  message: z.string().max(1024),
  data: z.record(z.string().max(64), z.union([z.string().max(512), z.number(), z.boolean(), z.null()])),
});
export type EventRecord = z.infer<typeof eventSchema>;

export interface RecordOf {
  predictions: Prediction;
  feedback: Feedback;
  metrics: MetricRecord;
  events: EventRecord;
}

export const recordSchemas = {
  predictions: predictionSchema,
  feedback: feedbackSchema,
  metrics: metricSchema,
  events: eventSchema,
} as const;

/** The public id of a prediction, as HTTP callers and pages see it. */
export function predictionId(run: string, predictionSeq: number): string {
  return `${run}-${predictionSeq}`;
}

export function parsePredictionId(id: string): { run: string; seq: number } | undefined {
  const match = /^([0-9a-f]{8})-([1-9][0-9]{0,15})$/.exec(id);
  return match ? { run: match[1] as string, seq: Number(match[2]) } : undefined;
}
