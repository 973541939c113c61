/** What a slot's row looks like from outside: the models handed out to the pipeline, and the report to the server. Pure. */
import { modelTitle } from '../../protocol/manifest.ts';
import type { ReportedSlot } from '../../protocol/messages.ts';
import type { ActiveModel, SlotModels } from './active-models.ts';
import type { Waiting } from './gate.ts';
import { installOf, waitsForGate } from './install-view.ts';
import { onTrial, refOf, type SlotState } from './slot-state.ts';

/** @param now what is handed out already: returned again when nothing has changed */
export function modelsOf(
  state: SlotState,
  loaded: (model: string) => ActiveModel | undefined,
  now: SlotModels | undefined,
): SlotModels | undefined {
  const champion = state.champion === null ? undefined : loaded(state.champion);
  if (!champion) return undefined;
  const { model = '', share = 0, rolloutId = '' } = state.challenger ?? lookingOn(state) ?? {};
  const beside = loaded(model);
  const challenger = beside ? { model: beside, share, rolloutId } : null;
  const trialRowMs = {
    champion: onTrial(state) ? state.figures[champion.manifestSha256]?.latencyP99Ms : undefined,
    challenger: state.figures[model]?.latencyP99Ms,
  };
  const same =
    now?.champion === champion &&
    now.challenger?.model === challenger?.model &&
    now.challenger?.share === challenger?.share &&
    now.challenger?.rolloutId === challenger?.rolloutId &&
    now.trialRowMs?.champion === trialRowMs.champion &&
    now.trialRowMs?.challenger === trialRowMs.challenger;
  return same ? now : { champion, challenger, trialRowMs };
}

/** A newcomer's shadow run: it decides nothing, and no rollout has asked for it. */
function lookingOn({ step }: SlotState): { model: string; share: number; rolloutId: string } | null {
  return step?.state === 'shadow' ? { model: step.model, share: 0, rolloutId: 'self-test' } : null;
}

export interface FetchProgress {
  readonly model: string;
  readonly chunksHave: number;
  readonly chunksWant: number;
  /** Why nothing is fetched at the moment, in words. */
  readonly waitsFor: string | null;
}

/** @param models those that really run */
export function reportOf(
  state: SlotState,
  models: SlotModels | undefined,
  progress: FetchProgress,
  waiting: Waiting | null,
): ReportedSlot {
  const install = installOf(state);
  const waits = waitsForGate(state) ? waiting : null;
  const { chunksHave, chunksWant, waitsFor } =
    install?.model === progress.model ? progress : { chunksHave: 0, chunksWant: 0, waitsFor: null };
  const challenger = state.challenger && models?.challenger;
  const ref = install && refOf(state, install.model);
  return {
    champion: models ? nameOf(models.champion) : null,
    challenger: challenger ? { ...nameOf(challenger.model), share: challenger.share } : null,
    install: install && {
      manifestSha256: install.model,
      state: install.state,
      reason: waits ? `waits: ${waits.words}` : install.state === 'fetching' ? waitsFor : install.reason,
      ...(waits ? { waitsFor: waits.for } : {}),
      ...(ref ? { title: modelTitle(ref) } : {}),
      chunksHave,
      chunksWant,
    },
  };
}

function nameOf(model: ActiveModel): { manifestSha256: string; title: string } {
  return { manifestSha256: model.manifestSha256, title: modelTitle(model.manifest) };
}
