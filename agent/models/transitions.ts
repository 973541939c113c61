/**
 * The life of a slot's models as a pure function: state x event -> state. The shell writes each state down before it
 * acts on it, so that a reboot at any point goes on or goes back.
 *
 * What always holds: `good` lists models that did well here, newest first; the champion is `good[0]` (committed) or a
 * newcomer on probation, and then `good[0]` is there to go back to. A slot that had a champion keeps one.
 */
import { z } from 'zod';
import {
  desiredSlotSchema,
  type INSTALL_STATES,
  type InstallState,
  type ModelRef,
} from '../../protocol/messages.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A slot's durable row. */
export const slotStateSchema = z.object({
  champion: sha256.nullable(),
  /** The committed champion, and the one before it. */
  good: z.array(sha256).max(2),
  challenger: z.object({ model: sha256, share: z.number(), rolloutId: z.string() }).nullable(),
  /** What the server wants; null as long as it never said. */
  desired: desiredSlotSchema.nullable(),
  /** The installation under way. */
  step: z
    .object({
      model: sha256,
      goal: z.enum(['champion', 'challenger']),
      state: z.enum(['fetching', 'verifying', 'staged', 'testing']),
    })
    .nullable(),
  /** Wanted models that will not be tried again until they are wanted no more. */
  refused: z.record(sha256, z.object({ state: z.enum(['refused', 'rolled-back']), reason: z.string() })),
  /** The model that the config's folder held when it was last installed from there. */
  configured: sha256.nullable(),
  /** Agent starts since the champion's probation began: a boot loop shows here. */
  trialStarts: z.int().min(0),
});
export type SlotState = z.infer<typeof slotStateSchema>;
export type Goal = 'champion' | 'challenger';
export type StepState = NonNullable<SlotState['step']>['state'];

export type SlotEvent =
  /** The server wants this now. */
  | { kind: 'desired'; desired: NonNullable<SlotState['desired']> }
  /** The model of the config's folder was verified and may run without probation. */
  | { kind: 'configured'; model: string }
  | { kind: 'step'; model: string; goal: Goal; to: StepState }
  /** The step's model passed its golden samples: it goes to work. */
  | { kind: 'passed' }
  /** The step's model must not run here. */
  | { kind: 'refused'; reason: string }
  /** The champion did its probation. */
  | { kind: 'commit' }
  /** A model that works here broke a guardrail, or does not load any more. */
  | { kind: 'failed'; model: string; reason: string }
  /** Newer signed metadata are here: what the old ones refused is tried again. */
  | { kind: 'trust-changed' }
  /** The agent starts: an installation that a reboot cut begins again. */
  | { kind: 'started' };

export const EMPTY_SLOT: SlotState = {
  champion: null,
  good: [],
  challenger: null,
  desired: null,
  step: null,
  refused: {},
  configured: null,
  trialStarts: 0,
};

export function transition(state: SlotState, event: SlotEvent): SlotState {
  switch (event.kind) {
    case 'desired':
      return wanted({ ...state, desired: event.desired });
    case 'configured':
      return { ...installed(state, event.model), configured: event.model };
    case 'step': {
      const step = { model: event.model, goal: event.goal, state: event.to };
      const mayBeTried = isWanted(state, step.model) && !state.refused[step.model];
      return mayBeTried && step.model !== state.champion ? { ...state, step } : state;
    }
    case 'passed':
      return state.step ? passed({ ...state, step: null }, state.step) : state;
    case 'refused':
      return state.step ? refuse({ ...state, step: null }, state.step.model, 'refused', event.reason) : state;
    case 'commit':
      return state.champion !== null && onTrial(state) ? installed(state, state.champion) : state;
    case 'failed':
      return failed(state, event.model, event.reason);
    case 'trust-changed':
      return forgiven(state, /^(TRUST|TARGET)_/);
    case 'started':
      return { ...state, step: null, trialStarts: onTrial(state) ? state.trialStarts + 1 : 0 };
  }
}

export function onTrial(state: SlotState): boolean {
  return state.champion !== null && state.champion !== state.good[0];
}

/** What to install next; undefined when the slot has what is wanted, or may not have it. */
export function nextInstall(state: SlotState): { model: string; goal: Goal } | undefined {
  const champion = state.desired?.champion.manifestSha256;
  const challenger = state.desired?.challenger?.model.manifestSha256;
  if (champion && champion !== state.champion && !state.refused[champion]) {
    return { model: champion, goal: 'champion' };
  }
  // One newcomer at a time: what goes wrong then has a name.
  if (!challenger || onTrial(state) || state.champion === null) return undefined;
  const settled = challenger === state.champion || challenger === state.challenger?.model;
  return settled || state.refused[challenger] ? undefined : { model: challenger, goal: 'challenger' };
}

/** The reference by which the server wants this model. */
export function refOf(state: SlotState, model: string): ModelRef | undefined {
  const { desired } = state;
  return [desired?.champion, desired?.challenger?.model].find((ref) => ref?.manifestSha256 === model);
}

/** Models whose packages must stay on the disk. */
export function needed(state: SlotState): string[] {
  const wantedRefs = [state.desired?.champion, state.desired?.challenger?.model];
  const models = [
    state.champion,
    state.challenger?.model,
    ...state.good,
    ...wantedRefs.map((ref) => ref?.manifestSha256).filter((model) => model && !state.refused[model]),
  ];
  return [...new Set(models.filter((model) => typeof model === 'string'))];
}

/** Where the model that was last asked for stands, for the server and the page. */
export function installOf(
  state: SlotState,
): { model: string; state: InstallState; reason: string | null } | null {
  if (state.step) return { model: state.step.model, state: state.step.state, reason: null };
  const champion = state.desired?.champion.manifestSha256 ?? state.champion;
  if (champion === null) return null;
  const refusal = state.refused[champion];
  if (refusal) return { model: champion, ...refusal };
  if (champion !== state.champion) return { model: champion, state: 'wanted', reason: null };
  if (onTrial(state)) return { model: champion, state: 'probation', reason: null };
  const challenger = state.desired?.challenger?.model.manifestSha256;
  if (!challenger || challenger === champion) return { model: champion, state: 'committed', reason: null };
  const challengerRefusal = state.refused[challenger];
  if (challengerRefusal) return { model: challenger, ...challengerRefusal };
  const works = state.challenger?.model === challenger;
  return { model: challenger, state: works ? 'challenger' : 'wanted', reason: null };
}

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

function wanted(state: SlotState): SlotState {
  const champion = state.desired?.champion.manifestSha256;
  const challenger = state.desired?.challenger ?? null;
  const kept = Object.entries(state.refused).filter(([model]) => isWanted(state, model));
  let next: SlotState = { ...state, refused: Object.fromEntries(kept) };
  // The newest desired state cancels an installation that it does not ask for.
  const goalOf = next.step?.goal === 'champion' ? champion : challenger?.model.manifestSha256;
  if (next.step && next.step.model !== goalOf) next = { ...next, step: null };
  if (champion && champion !== next.champion && !next.refused[champion]) {
    // Both are loaded and known: no installation is needed.
    if (champion === next.good[0]) next = { ...installed(next, champion), step: null };
    else if (champion === next.challenger?.model) next = { ...activated(next, champion), step: null };
  }
  const stays = next.challenger && next.challenger.model === challenger?.model.manifestSha256;
  if (!stays || !challenger) return { ...next, challenger: null };
  const { share, rolloutId } = challenger;
  return { ...next, challenger: { model: challenger.model.manifestSha256, share, rolloutId } };
}

function passed(state: SlotState, step: { model: string; goal: Goal }): SlotState {
  if (step.goal === 'champion') return activated(state, step.model);
  const challenger = state.desired?.challenger;
  if (challenger?.model.manifestSha256 !== step.model) return state;
  const { share, rolloutId } = challenger;
  return { ...state, challenger: { model: step.model, share, rolloutId } };
}

/** A newcomer decides from now on: on probation when there is a model to go back to. */
function activated(state: SlotState, model: string): SlotState {
  if (state.good.length === 0 || state.good.includes(model)) return installed(state, model);
  return { ...state, champion: model, challenger: without(state, model), trialStarts: 0 };
}

function installed(state: SlotState, model: string): SlotState {
  const good = [model, ...state.good.filter((other) => other !== model)].slice(0, 2);
  const { [model]: _forgiven, ...refused } = state.refused;
  const step = state.step?.model === model ? null : state.step;
  return {
    ...state,
    champion: model,
    good,
    refused,
    step,
    challenger: without(state, model),
    trialStarts: 0,
  };
}

function failed(state: SlotState, model: string, reason: string): SlotState {
  const good = state.good.filter((other) => other !== model);
  if (model !== state.champion) {
    if (model !== state.challenger?.model && good.length === state.good.length) return state;
    const next = { ...state, good, challenger: without(state, model) };
    // A newcomer whose predecessor is gone has passed by default.
    const settled = good.length === 0 && state.champion !== null ? installed(next, state.champion) : next;
    return refuse(settled, model, 'rolled-back', reason);
  }
  const [back] = good;
  // With nothing to go back to it stays: a model that errs now and then is better than none.
  if (back === undefined) return state;
  return refuse(installed({ ...state, good }, back), model, 'rolled-back', reason);
}

/** The challenger, unless it is this model. */
function without(state: SlotState, model: string): SlotState['challenger'] {
  return state.challenger?.model === model ? null : state.challenger;
}

function refuse(state: SlotState, model: string, as: 'refused' | 'rolled-back', reason: string): SlotState {
  if (!isWanted(state, model)) return state;
  return { ...state, refused: { ...state.refused, [model]: { state: as, reason: reason.slice(0, 512) } } };
}

function forgiven(state: SlotState, reasons: RegExp): SlotState {
  const kept = Object.entries(state.refused).filter(([, { reason }]) => !reasons.test(reason));
  const changed = kept.length < Object.keys(state.refused).length;
  return changed ? { ...state, refused: Object.fromEntries(kept) } : state;
}

function isWanted(state: SlotState, model: string): boolean {
  return refOf(state, model) !== undefined;
}
