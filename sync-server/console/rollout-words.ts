/** A rollout's state and stages in words. */
import { formatShare } from '../../web/format.ts';
import type { PageState } from '../../web/page-state.ts';
import type { RolloutStage, RolloutState, RolloutView } from '../http/view.ts';

export const ROLLOUT_STATES: Record<RolloutState, { state: PageState; word: string }> = {
  advancing: { state: 'info', word: 'Advancing' },
  holding: { state: 'info', word: 'Holding: needs more evidence' },
  'waiting-for-approval': { state: 'warning', word: 'Waiting for approval' },
  paused: { state: 'warning', word: 'Paused by a person' },
  done: { state: 'ok', word: 'Done' },
  'rolled-back': { state: 'alarm', word: 'Rolled back' },
  aborted: { state: 'idle', word: 'Aborted by a person' },
};

export function isRunning(rollout: RolloutView): boolean {
  return rollout.state !== 'done' && rollout.state !== 'rolled-back' && rollout.state !== 'aborted';
}

export function stageWords(stage: RolloutStage): { devices: string; traffic: string } {
  return {
    devices: stage.devices >= 1 ? 'all devices' : `${formatShare(stage.devices)} of devices`,
    traffic: stage.traffic >= 1 ? 'decides every sample' : `decides ${formatShare(stage.traffic)} of samples`,
  };
}
