/** Where a rollout goes from here: a pure function of the verdict on its evidence and of what its devices report. */
import type { RolloutState } from '../http/view.ts';
import type { Verdict } from './decision.ts';
import type { InstallProgress } from './install-progress.ts';
import { isLastStage, type Rollout } from './rollout.ts';

export interface Move {
  readonly state: RolloutState;
  readonly stage: number;
  readonly reason: string;
}

/** Harm comes first; then nothing moves before every online member runs what its stage asks for. */
export function nextMove(rollout: Rollout, { verdict, reason }: Verdict, progress: InstallProgress): Move {
  const { stage } = rollout;
  const { waiting, offline } = progress;
  if (verdict === 'roll-back') return { state: 'rolled-back', stage, reason };
  if (waiting.length > 0) {
    const until = isLastStage(rollout) ? 'has committed' : 'runs';
    return { state: 'advancing', stage, reason: `Waits until ${list(waiting)} ${until} the new model.` };
  }
  if (offline.length === Object.keys(rollout.members).length) {
    return { state: 'holding', stage, reason: `No device of this stage is online: ${list(offline)}.` };
  }
  if (isLastStage(rollout)) {
    const later = offline.length > 0 ? ` ${list(offline)} will follow when online again.` : '';
    return {
      state: 'done',
      stage,
      reason: `Every device that is online has committed ${rollout.toTitle}.${later}`,
    };
  }
  if (verdict === 'hold') return { state: 'holding', stage, reason };
  return { state: 'advancing', stage: stage + 1, reason };
}

function list(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
