/** The durable state of one rollout, as the rollout table keeps it (JSON). */
import { z } from 'zod';
import { modelRefSchema } from '../../protocol/messages.ts';
import { weeklyWindowSchema } from '../../protocol/weekly-window.ts';

const ROLLOUT_STATES = [
  'advancing',
  'holding',
  'waiting-for-approval',
  'paused',
  'done',
  'rolled-back',
  'aborted',
] as const;

const share = z.number().gt(0).max(1);

const rolloutStageSchema = z.object({
  devices: share,
  traffic: share,
  approval: z.boolean().exactOptional(),
});

/** What was settled when it began, so that nobody moves the goal while the evidence comes in. */
const rolloutPlanSchema = z.object({
  /** Of each promise: how often at most it may be broken. */
  alpha: z.number().gt(0).max(0.5),
  /** By how much of the worst error's cost, a sample (`f-beta`: a real positive), the new model may be worse. */
  margin: z.number().gt(0).max(1),
  /** Labelled pairs that each stage must have of its own. */
  minPairs: z.int().min(1),
  /** Share of its devices that may refuse the new model or go back by themselves. */
  maxFailedShare: z.number().min(0).max(1),
  /** When it may go on to the next stage: any time where there are none. */
  windows: z.array(weeklyWindowSchema),
  /** IANA name; absent: the server's own. */
  timeZone: z.string().optional(),
});
export type RolloutPlan = z.infer<typeof rolloutPlanSchema>;

/** Of rollouts that began before plans were kept. */
const FORMER_PLAN: RolloutPlan = { alpha: 0.05, margin: 0.02, minPairs: 500, maxFailedShare: 0, windows: [] };

const differenceSchema = z.object({ mean: z.number(), low: z.number(), high: z.number() });

const shownEvidence = z.object({
  pairs: z.number(),
  challengerBetter: z.number(),
  championBetter: z.number(),
  championMetric: z.number().nullable(),
  challengerMetric: z.number().nullable(),
  metricName: z.string(),
  difference: differenceSchema.nullable().default(null),
  needed: z.number().nullable().default(null),
  perDay: z.number().nullable().default(null),
});

const driftingSchema = z.object({ device: z.string(), feature: z.string() });

/** The evidence as it stood at one look. */
const curvePointSchema = z.object({
  timeMs: z.int(),
  stage: z.int().min(0),
  pairs: z.number(),
  ...differenceSchema.shape,
});
export type CurvePoint = z.infer<typeof curvePointSchema>;

export const rolloutSchema = z.object({
  id: z.string().min(1).max(64),
  slot: z.string().min(1).max(64),
  to: modelRefSchema,
  toTitle: z.string(),
  fromTitle: z.string(),
  /** Only devices with all these labels. */
  labels: z.record(z.string(), z.string()),
  stages: z.array(rolloutStageSchema).min(1),
  plan: rolloutPlanSchema.default(FORMER_PLAN),
  /** The last stage that a person has let it into. */
  approvedStage: z.int().min(0).default(0),
  state: z.enum(ROLLOUT_STATES),
  stage: z.int().min(0),
  reason: z.string(),
  startedAtMs: z.int(),
  stageStartedAtMs: z.int(),
  updatedAtMs: z.int(),
  /** Every device that was ever given the new model by this rollout, and what it ran before. Never shrinks. */
  members: z.record(
    z.string(),
    z.object({
      champion: modelRefSchema,
      /** Generation of the desired state that this rollout last gave it; 0 before the first. */
      generation: z.int().min(0),
    }),
  ),
  /** As of the last look; `RolloutView` says what each number means. */
  evidence: shownEvidence,
  /** How the evidence came about, oldest first; thinned, so that it never has many points. */
  curve: z.array(curvePointSchema).default([]),
  /** Inputs of members that drift, as of the last look: stated, and held against neither model. */
  drifting: z.array(driftingSchema).default([]),
  /** False while the desired states that follow from `state` and `stage` may not all be set yet. */
  settled: z.boolean(),
});
export type Rollout = z.infer<typeof rolloutSchema>;

export const rolloutDecisionSchema = z.object({
  timeMs: z.int(),
  state: z.enum(ROLLOUT_STATES),
  stage: z.int().min(0),
  reason: z.string(),
  /** What it rests on; older servers did not write it down. */
  evidence: shownEvidence.optional(),
});
export type RolloutDecision = z.infer<typeof rolloutDecisionSchema>;

/** Still under way: it holds its slot against a second rollout. */
export function isOpen({ state }: Pick<Rollout, 'state'>): boolean {
  return state === 'paused' || isJudged({ state });
}

/** Its evidence is looked at. */
export function isJudged({ state }: Pick<Rollout, 'state'>): boolean {
  return state === 'advancing' || state === 'holding' || state === 'waiting-for-approval';
}

/** In the last stage the new model is champion on every device. */
export function isLastStage({ stage, stages }: Pick<Rollout, 'stage' | 'stages'>): boolean {
  return stage === stages.length - 1;
}
