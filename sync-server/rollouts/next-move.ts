/** Where a rollout goes from here: a pure function of the verdict on its evidence, what its devices report, and who or what must let it on. */
import type { RolloutState } from '../views/rollout.ts';
import type { Verdict } from './decision.ts';
import type { Gates } from './gates.ts';
import type { InstallProgress } from './install-progress.ts';
import { isLastStage, type Rollout } from './rollout.ts';

/** Silent ones are a bad sign when they are more than this share of the devices that took the model. */
const MAX_SILENT_SHARE = 1 / 3;

export interface Move {
  readonly state: RolloutState;
  readonly stage: number;
  readonly reason: string;
}

/** What of a rollout its moves depend on. */
type MovedRollout = Pick<Rollout, 'stage' | 'stages' | 'toTitle'> & {
  readonly members: Readonly<Record<string, unknown>>;
};

/**
 * Harm comes first, and waits for nobody. Then nothing moves before every online member runs what its stage asks for,
 * and nobody is asked before the evidence is there.
 */
export function nextMove(
  rollout: MovedRollout,
  { verdict, reason }: Verdict,
  progress: InstallProgress,
  gates: Gates,
): Move {
  const { stage } = rollout;
  const { waiting, offline, silent } = progress;
  const members = Object.keys(rollout.members).length;
  if (verdict === 'roll-back') return { state: 'rolled-back', stage, reason };
  if (waiting.length > 0) {
    const until = isLastStage(rollout) ? 'has committed' : 'runs';
    return { state: 'advancing', stage, reason: `Waits until ${list(waiting)} ${until} the new model.` };
  }
  if (offline.length === members) {
    return { state: 'holding', stage, reason: `No device of this stage is online: ${list(offline)}.` };
  }
  if (silent.length > MAX_SILENT_SHARE * members) {
    const words = `${silent.length} of ${members} devices took the new model and are silent since: ${list(silent)}. It goes on when they are back.`;
    return { state: 'holding', stage, reason: words };
  }
  if (isLastStage(rollout)) {
    return { state: 'done', stage, reason: doneWords(rollout, progress) };
  }
  if (verdict === 'hold') return { state: 'holding', stage, reason };
  if (gates.approval) {
    const words = `Stage ${stage + 2} waits for a person’s approval. ${reason}`;
    return { state: 'waiting-for-approval', stage, reason: words };
  }
  if (gates.window !== null) {
    return { state: 'holding', stage, reason: `The maintenance window ${gates.window}. ${reason}` };
  }
  return { state: 'advancing', stage: stage + 1, reason };
}

function doneWords({ toTitle }: MovedRollout, { offline, failures }: InstallProgress): string {
  const failed = failures.map(({ device }) => device);
  const later = offline.length > 0 ? ` ${list(offline)} will follow when online again.` : '';
  const without = failed.length > 0 ? ` ${list(failed)} did not keep it.` : '';
  return failed.length > 0
    ? `Every other device that is online has committed ${toTitle}.${without}${later}`
    : `Every device that is online has committed ${toTitle}.${later}`;
}

function list(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
