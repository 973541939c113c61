/** Where a slot's installation stands, as the server and the page are told. Pure. */
import type { INSTALL_STATES, InstallState } from '../../protocol/messages.ts';
import { onTrial, type SlotState, type StepState } from './slot-state.ts';

/** Where the model that was last asked for stands, for the server and the page. */
export function installOf(
  state: SlotState,
): { model: string; state: InstallState; reason: string | null } | null {
  if (state.step) return { model: state.step.model, state: SHOWN_AS[state.step.state], reason: null };
  const champion = state.desired?.champion.manifestSha256 ?? state.champion;
  if (champion === null) return null;
  const refusal = state.refused[champion];
  if (refusal) return { model: champion, ...refusal };
  if (champion !== state.champion) {
    const looksOn = champion === state.challenger?.model;
    return { model: champion, state: looksOn ? 'challenger' : 'wanted', reason: null };
  }
  if (onTrial(state)) return { model: champion, state: 'probation', reason: null };
  const challenger = state.desired?.challenger?.model.manifestSha256;
  if (!challenger || challenger === champion) return { model: champion, state: 'committed', reason: null };
  const challengerRefusal = state.refused[challenger];
  if (challengerRefusal) return { model: challenger, ...challengerRefusal };
  const works = state.challenger?.model === challenger;
  return { model: challenger, state: works ? 'challenger' : 'wanted', reason: null };
}

/** Whether something that is done but for this has to wait while the slot is held. */
export function waitsForGate(state: SlotState): boolean {
  if (!state.held) return false;
  const champion = state.desired?.champion.manifestSha256;
  const challenger = state.desired?.challenger;
  const running = state.challenger;
  if (!running) return state.step?.state === 'ready';
  const grows = challenger?.model.manifestSha256 === running.model && challenger.share > running.share;
  return state.step?.state === 'ready' || champion === running.model || grows;
}

/** Servers of before know no other words for it. */
const SHOWN_AS: Record<StepState, InstallState> = {
  fetching: 'fetching',
  verifying: 'verifying',
  staged: 'staged',
  testing: 'testing',
  shadow: 'testing',
  ready: 'testing',
};

/** The moves of an install state that a model can make by itself; a new desired state or a restart may end any of them. */
export const INSTALL_MOVES: Record<(typeof INSTALL_STATES)[number], readonly InstallState[]> = {
  wanted: ['verifying'],
  fetching: ['verifying', 'refused'],
  verifying: ['staged', 'fetching', 'refused'],
  staged: ['testing', 'refused'],
  testing: ['challenger', 'probation', 'committed', 'refused'],
  challenger: ['probation', 'committed', 'rolled-back'],
  probation: ['committed', 'rolled-back'],
  committed: ['rolled-back'],
  refused: [],
  'rolled-back': [],
};
