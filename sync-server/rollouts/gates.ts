/** What beside the evidence must let a rollout into its next stage: a person, and the clock. Pure. */
import { isOpen, nextOpening, WallClock } from '../../protocol/weekly-window.ts';
import type { Rollout } from './rollout.ts';

export interface Gates {
  /** A person has to let it on first. */
  readonly approval: boolean;
  /** Null while it is open; else when it opens: `opens Mon 22:00`. */
  readonly window: string | null;
}

/** @param nowMs by the clock on the wall */
export function gatesOf(
  { stages, stage, approvedStage, plan }: Pick<Rollout, 'stages' | 'stage' | 'approvedStage' | 'plan'>,
  nowMs: number,
): Gates {
  const approval = stages[stage + 1]?.approval === true && approvedStage <= stage;
  const wall = new WallClock(plan.timeZone);
  if (isOpen(plan.windows, wall, nowMs)) return { approval, window: null };
  const opensMs = nextOpening(plan.windows, wall, nowMs);
  return { approval, window: opensMs === null ? 'never opens' : `opens ${wall.words(opensMs)}` };
}
