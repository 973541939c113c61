/** The durable state of one rollout, as the rollout table keeps it (JSON). */
import { z } from 'zod';
import { modelRefSchema } from '../../protocol/messages.ts';

const ROLLOUT_STATES = ['advancing', 'holding', 'paused', 'done', 'rolled-back', 'aborted'] as const;

const share = z.number().gt(0).max(1);

const rolloutStageSchema = z.object({ devices: share, traffic: share });

const shownEvidence = z.object({
  pairs: z.number(),
  challengerBetter: z.number(),
  championBetter: z.number(),
  championMetric: z.number().nullable(),
  challengerMetric: z.number().nullable(),
  metricName: z.string(),
});

export const rolloutSchema = z.object({
  id: z.string().min(1).max(64),
  slot: z.string().min(1).max(64),
  to: modelRefSchema,
  toTitle: z.string(),
  fromTitle: z.string(),
  /** Only devices with all these labels. */
  labels: z.record(z.string(), z.string()),
  stages: z.array(rolloutStageSchema).min(1),
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
export function isOpen(rollout: Rollout): boolean {
  return rollout.state === 'advancing' || rollout.state === 'holding' || rollout.state === 'paused';
}

/** In the last stage the new model is champion on every device. */
export function isLastStage(rollout: Rollout): boolean {
  return rollout.stage === rollout.stages.length - 1;
}
