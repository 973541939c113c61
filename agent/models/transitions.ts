/**
 * The life of a slot's models as a pure function: state x event -> state. The shell writes each state down before it
 * acts on it, so that a reboot at any point goes on or goes back. What always holds stands in slot-state.ts.
 */
import { type Goal, isAtHand, isWanted, onTrial, type SlotEvent, type SlotState } from './slot-state.ts';

/** So many starts in the middle of its test, and a model is taken to be their cause. */
export const MAX_CUT_TESTS = 3;

export function transition(state: SlotState, event: SlotEvent): SlotState {
  const after = moved(state, event);
  return after === state ? state : withoutOldFigures(after);
}

function moved(state: SlotState, event: SlotEvent): SlotState {
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
      return state.step ? passed(state, state.step) : state;
    case 'measured':
      return isAtHand(state, event.model)
        ? { ...state, figures: { ...state.figures, [event.model]: event.figures } }
        : state;
    case 'gate':
      return event.held === state.held ? state : released({ ...state, held: event.held });
    case 'refused':
      return state.step ? refuse(endStep(state), state.step.model, 'refused', event.reason) : state;
    case 'commit':
      return state.champion !== null && onTrial(state) ? installed(state, state.champion) : state;
    case 'failed':
      return failed(state, event.model, event.reason);
    case 'trust-changed':
      return forgiven(state, /^(TRUST|TARGET)_/);
    case 'calm':
      return state.trialStarts === 0 ? state : { ...state, trialStarts: 0 };
    case 'started': {
      const isTried = onTrial(state) || state.challenger !== null;
      return cutTest({ ...state, trialStarts: isTried ? state.trialStarts + 1 : 0 });
    }
  }
}

/** What to install next; undefined when the slot has what is wanted, or may not have it. */
export function nextInstall(state: SlotState): { model: string; goal: Goal } | undefined {
  if (state.step?.state === 'ready') return undefined;
  const champion = state.desired?.champion.manifestSha256;
  const challenger = state.desired?.challenger?.model.manifestSha256;
  if (champion && champion !== state.champion && !state.refused[champion]) {
    // It runs already, and waits only for its time.
    return champion === state.challenger?.model ? undefined : { model: champion, goal: 'champion' };
  }
  // One newcomer at a time: what goes wrong then has a name.
  if (!challenger || onTrial(state) || state.champion === null) return undefined;
  const settled = challenger === state.champion || challenger === state.challenger?.model;
  return settled || state.refused[challenger] ? undefined : { model: challenger, goal: 'challenger' };
}

function wanted(state: SlotState): SlotState {
  const champion = state.desired?.champion.manifestSha256;
  const challenger = state.desired?.challenger ?? null;
  const kept = Object.entries(state.refused).filter(([model]) => isWanted(state, model));
  let next: SlotState = { ...state, refused: Object.fromEntries(kept) };
  // The newest desired state cancels an installation that it does not ask for.
  const goalOf = next.step?.goal === 'champion' ? champion : challenger?.model.manifestSha256;
  if (next.step && next.step.model !== goalOf) next = { ...next, step: null };
  // Back to what did well here needs no installation, and never waits.
  if (champion && onTrial(next) && champion === next.good[0])
    next = { ...installed(next, champion), step: null };
  next = released(next);
  const isAwaited = next.challenger !== null && next.challenger.model === champion;
  if (isAwaited && !next.refused[next.challenger?.model ?? '']) return next;
  const stays = next.challenger && next.challenger.model === challenger?.model.manifestSha256;
  return stays ? next : { ...next, challenger: null };
}

/** What is done but for its time goes to work as far as it may: all of it in a slot that nobody holds. */
function released(state: SlotState): SlotState {
  const { step, challenger, desired } = state;
  if (step?.state === 'ready' && mayDecide(state, step.model)) return activated(endStep(state), step.model);
  if (!challenger || !desired) return state;
  if (desired.champion.manifestSha256 === challenger.model && !state.refused[challenger.model]) {
    // Both are loaded and known: no installation is needed.
    return mayDecide(state, challenger.model) ? { ...activated(state, challenger.model), step: null } : state;
  }
  if (desired.challenger?.model.manifestSha256 !== challenger.model) return state;
  const { share, rolloutId } = desired.challenger;
  return { ...state, challenger: { model: challenger.model, share: shareNow(state, share), rolloutId } };
}

/** A smaller share is a step back, which never waits. */
function shareNow(state: SlotState, wantedShare: number): number {
  return state.held ? Math.min(wantedShare, state.challenger?.share ?? 0) : wantedShare;
}

/** What goes back, and what brings a first model, waits for nobody. */
function mayDecide(state: SlotState, model: string): boolean {
  return !state.held || state.good.length === 0 || state.good.includes(model);
}

function passed(state: SlotState, step: NonNullable<SlotState['step']>): SlotState {
  if (step.goal === 'champion') return released({ ...state, step: { ...step, state: 'ready' }, cut: null });
  const challenger = state.desired?.challenger;
  const next = endStep(state);
  if (challenger?.model.manifestSha256 !== step.model) return next;
  const { share, rolloutId } = challenger;
  const first = { ...next, challenger: null };
  return { ...next, challenger: { model: step.model, share: shareNow(first, share), rolloutId } };
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

function endStep(state: SlotState): SlotState {
  return { ...state, step: null, cut: state.cut?.model === state.step?.model ? null : state.cut };
}

/** A test that a start finds unfinished was cut by chance, or has killed the agent: chance does not come so often. */
function cutTest(state: SlotState): SlotState {
  const { step } = state;
  if (step?.state !== 'testing' && step?.state !== 'shadow') return { ...state, step: null };
  const times = state.cut?.model === step.model ? state.cut.times + 1 : 1;
  if (times < MAX_CUT_TESTS) return { ...state, step: null, cut: { model: step.model, times } };
  const reason = `MODEL_ENDS_AGENT: the agent ended ${times} times while it tested this model`;
  return refuse({ ...state, step: null, cut: null }, step.model, 'refused', reason);
}

function withoutOldFigures(state: SlotState): SlotState {
  const old = Object.keys(state.figures).some((model) => !isAtHand(state, model));
  if (!old) return state;
  const kept = Object.entries(state.figures).filter(([model]) => isAtHand(state, model));
  return { ...state, figures: Object.fromEntries(kept) };
}

function refuse(state: SlotState, model: string, as: 'refused' | 'rolled-back', reason: string): SlotState {
  if (!isWanted(state, model)) return state;
  const rest = state.step?.model === model ? endStep(state) : state;
  return { ...rest, refused: { ...state.refused, [model]: { state: as, reason: reason.slice(0, 512) } } };
}

function forgiven(state: SlotState, reasons: RegExp): SlotState {
  const kept = Object.entries(state.refused).filter(([, { reason }]) => !reasons.test(reason));
  const changed = kept.length < Object.keys(state.refused).length;
  return changed ? { ...state, refused: Object.fromEntries(kept) } : state;
}
