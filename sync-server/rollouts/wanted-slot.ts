/** What a rollout wants in its slot of one member. Pure, so that setting it twice is the same as once. */
import type { DesiredSlot, ModelRef } from '../../protocol/messages.ts';
import { isLastStage, isOpen, type Rollout } from './rollout.ts';

/** @param before what the member ran before the rollout */
export function wantedSlot(rollout: Rollout, before: ModelRef): DesiredSlot {
  if (rollout.state === 'done' || (isOpen(rollout) && isLastStage(rollout))) {
    return { champion: rollout.to, challenger: null };
  }
  const traffic = rollout.stages[rollout.stage]?.traffic;
  if (!isOpen(rollout) || traffic === undefined) return { champion: before, challenger: null };
  return {
    champion: before,
    challenger: { model: rollout.to, share: traffic, rolloutId: rollout.id },
  };
}
