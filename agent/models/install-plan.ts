/** What a desired state would do to a slot, without doing it: the real transition table, played ahead. Pure. */
import { modelTitle } from '../../protocol/manifest.ts';
import type { DesiredSlot, ModelRef } from '../../protocol/messages.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { Waiting } from './gate.ts';
import { waitsForGate } from './install-view.ts';
import { needed, onTrial, refOf, type SlotState } from './slot-state.ts';
import { nextInstall, transition } from './transitions.ts';

export interface PlanStep {
  readonly kind:
    | 'nothing'
    | 'cancel'
    | 'refuse'
    | 'fetch'
    | 'on-disk'
    | 'test'
    | 'try'
    | 'wait'
    | 'withdraw'
    | 'switch'
    | 'commit'
    | 'remove';
  /** A sentence for people. */
  readonly words: string;
}

export interface PlanFacts {
  /** The package is on this device's disk. */
  readonly isHere: (model: string) => boolean;
  /** Why the signed metadata would not let it be installed; null when they would. */
  readonly refusal: (ref: ModelRef) => string | null;
  /** What had to be fetched, for example `120 KiB of 1.9 MiB`. */
  readonly fetchWords: (ref: ModelRef) => string;
  /** Of a model that the desired state does not name. */
  readonly titleOf: (model: string) => string;
  readonly probation: SlotConfig['probation'];
  /** What newcomers have to wait for at this moment; null: nothing. */
  readonly waiting: Waiting | null;
}

/** A champion and a challenger, each refused or installed once. */
const MOST_INSTALLS = 4;

export function planInstall(state: SlotState, desired: DesiredSlot, known: PlanFacts): PlanStep[] {
  const steps: PlanStep[] = [];
  const say = (kind: PlanStep['kind'], words: string) => steps.push({ kind, words });
  const titleOf = (model: string) => {
    const ref = refOf({ ...state, desired }, model);
    return ref ? modelTitle(ref) : known.titleOf(model);
  };
  const facts = { ...known, titleOf };
  /** Plays on to when the slot is held no more. */
  const later = (held: SlotState): SlotState => {
    if (!waitsForGate(held)) return held;
    say('wait', `What is new decides nothing yet: ${facts.waiting?.words ?? 'the slot is held'}.`);
    return transition(held, { kind: 'gate', held: false });
  };
  const today = transition(state, { kind: 'gate', held: facts.waiting !== null });
  let now = transition(today, { kind: 'desired', desired });
  if (state.step && !now.step) say('cancel', `The installation of ${titleOf(state.step.model)} ends.`);
  const withdrawn = state.challenger?.model;
  if (withdrawn && withdrawn !== now.challenger?.model && withdrawn !== now.champion) {
    say('withdraw', `${titleOf(withdrawn)} runs beside the champion no more.`);
  }
  now = later(now);
  if (now.champion && now.champion !== state.champion) {
    say('switch', `${titleOf(now.champion)} is loaded already and needs no installation.`);
    now = afterProbation(now, facts, say);
  }
  for (const [model, { reason }] of Object.entries(now.refused)) {
    if (refOf(now, model)) say('refuse', `${titleOf(model)} was refused here before: ${reason}`);
  }
  for (let i = 0; i < MOST_INSTALLS; i++) {
    const next = nextInstall(now);
    const ref = next && refOf(now, next.model);
    if (!next || !ref) break;
    const title = modelTitle(ref);
    now = transition(now, { kind: 'step', ...next, to: 'verifying' });
    const reason = facts.refusal(ref);
    if (reason !== null) {
      say('refuse', `${title} would be refused: ${reason}`);
      now = transition(now, { kind: 'refused', reason });
      continue;
    }
    if (facts.isHere(next.model)) say('on-disk', `${title} is on the disk already.`);
    else say('fetch', `${title} is fetched: ${facts.fetchWords(ref)}.`);
    say(
      'test',
      `${title} is loaded beside what runs, and has to pass its golden samples within the slot’s budget.`,
    );
    now = later(transition(now, { kind: 'passed' }));
    if (next.goal === 'challenger') {
      const percent = Math.round((now.challenger?.share ?? 0) * 100);
      say('try', `${title} decides ${percent}% of the samples and looks on at the rest.`);
    } else {
      now = afterProbation(now, facts, say);
    }
  }
  const kept = new Set(needed(now));
  for (const model of needed(state)) {
    if (!kept.has(model) && facts.isHere(model)) say('remove', `${titleOf(model)} is removed from the disk.`);
  }
  if (steps.length === 0) say('nothing', 'Nothing: the slot has what is wanted.');
  return steps;
}

/** Played as if all went well; what could go wrong on the way is what the probation is for. */
function afterProbation(
  state: SlotState,
  { titleOf, probation }: PlanFacts,
  say: (kind: PlanStep['kind'], words: string) => void,
): SlotState {
  const { champion, good } = state;
  if (champion === null) return state;
  const title = titleOf(champion);
  if (!onTrial(state)) {
    say('commit', `${title} decides every sample.`);
    return state;
  }
  const back = good[0] === undefined ? 'nothing' : titleOf(good[0]);
  const { predictions, forMs } = probation;
  say(
    'switch',
    `${title} decides, on probation for ${predictions} predictions and ${forMs / 1000} s; ${back} comes back if it fails.`,
  );
  say('commit', `Then ${title} stays.`);
  return transition(state, { kind: 'commit' });
}
