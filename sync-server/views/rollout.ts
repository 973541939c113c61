/** Rollouts and how they stand: `/api/rollouts`. */
import type { WeeklyWindow } from '../../protocol/weekly-window.ts';

export type RolloutState =
  | 'advancing'
  | 'holding'
  | 'waiting-for-approval'
  | 'paused'
  | 'done'
  | 'rolled-back'
  | 'aborted';

export interface RolloutView {
  id: string;
  slot: string;
  from: string;
  to: string;
  state: RolloutState;
  /** Index of the stage under way. */
  stage: number;
  stages: RolloutStage[];
  plan: RolloutPlanView;
  /** In words, with the numbers it rests on. */
  reason: string;
  startedAtMs: number;
  updatedAtMs: number;
  evidence: {
    /** Samples with a label on which both models spoke. */
    pairs: number;
    /** Pairs on which only one of them was right, weighted by what the error costs. */
    challengerBetter: number;
    championBetter: number;
    championMetric: number | null;
    challengerMetric: number | null;
    metricName: string;
    /** Null before there is a label to go by. */
    difference: DifferenceView | null;
    /** More labelled pairs, if they look like those so far; null when nobody can tell, or they would not do. */
    needed: number | null;
    /** Labelled pairs a day at the pace of this stage. */
    perDay: number | null;
  };
  /** How the evidence came about, oldest first. */
  curve: ({ timeMs: number; stage: number; pairs: number } & DifferenceView)[];
  /** Inputs that drift, which is held against neither model. */
  drifting: { device: string; feature: string }[];
  /** Devices that run the new model (as challenger or champion), by id. */
  devices: string[];
  /** Every decision so far, newest first, at most 20. */
  decisions: { timeMs: number; state: RolloutState; stage: number; reason: string }[];
}

/**
 * Old model's cost of errors less the new one's, a labelled sample (for `f-beta`: a real positive), where the worst
 * error costs 1: above 0 the new model does better. `low` and `high` hold at every look together.
 */
interface DifferenceView {
  mean: number;
  low: number;
  high: number;
}

/** What was settled when the rollout began. */
interface RolloutPlanView {
  /** How often at most it goes on though the new model is worse by `margin`, or is stopped though it is not worse. */
  alpha: number;
  margin: number;
  /** Labelled pairs that each stage must have of its own. */
  minPairs: number;
  maxFailedShare: number;
  /** When it may go on to the next stage: any time where there are none. */
  windows: WeeklyWindow[];
  timeZone?: string | undefined;
}

export interface RolloutStage {
  /** Share of the matching devices, 0..1 (at least one device). */
  devices: number;
  /** Share of samples that the new model decides there; 1 makes it champion. */
  traffic: number;
  /** A person has to let the rollout into this stage. */
  approval?: boolean;
}

/** `POST /api/rollouts` */
export interface StartRolloutRequest {
  slot: string;
  /** `milling-failure@2` or `milling-failure@champion` */
  model: string;
  /** Only devices with all these labels. */
  labels?: Record<string, string>;
  stages?: RolloutStage[];
  /** By how much it may be worse, as `RolloutPlanView.margin`; absent: the server's. */
  margin?: number;
  /** When it may go on to the next stage; absent: any time. */
  windows?: WeeklyWindow[];
  timeZone?: string;
}
