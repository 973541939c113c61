/** A rollout's state as shape and word. */
import { StateBadge } from '../../web/state-icon.tsx';
import type { RolloutState } from '../views/rollout.ts';
import { ROLLOUT_STATES } from './rollout-words.ts';

export function RolloutBadge({ state }: { state: RolloutState }) {
  return <StateBadge state={ROLLOUT_STATES[state].state}>{ROLLOUT_STATES[state].word}</StateBadge>;
}
