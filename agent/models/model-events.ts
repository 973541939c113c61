/** What is worth telling about a change of a slot's row. Pure. */
import { CodedError } from '../../protocol/errors.ts';
import type { NewEvent } from '../store/records.ts';
import { onTrial, type SlotEvent, type SlotState } from './slot-state.ts';

export type EventWords = Omit<NewEvent, 'timeMs' | 'slot'>;

/** @param titleOf a model's name for people */
export function eventsOf(
  before: SlotState,
  after: SlotState,
  cause: SlotEvent,
  titleOf: (model: string) => string,
): EventWords[] {
  const events: EventWords[] = [];
  const data = (model: string, extra: EventWords['data'] = {}) => ({
    model,
    title: titleOf(model),
    ...extra,
  });
  const failed = cause.kind === 'failed' ? cause : undefined;
  const champion = after.champion;
  if (failed && (failed.model === before.champion || failed.model === before.challenger?.model)) {
    const role = failed.model === before.champion ? 'champion' : 'challenger';
    const then =
      role === 'champion' && champion ? `${titleOf(champion)} decides again` : 'it looks on no more';
    events.push({
      kind: 'model-rolled-back',
      severity: role === 'champion' ? 'alarm' : 'warning',
      message: `${titleOf(failed.model)} was rolled back, ${then}: ${failed.reason}`.slice(0, 1024),
      data: data(failed.model, { role, reason: failed.reason.slice(0, 512) }),
    });
  } else if (champion && champion !== before.champion) {
    const words = onTrial(after) ? 'decides now, on probation' : 'decides now';
    events.push({
      kind: 'model-activated',
      severity: 'info',
      message: `${titleOf(champion)} ${words}`,
      data: data(champion, { role: 'champion' }),
    });
  }
  if (cause.kind === 'commit' && champion) {
    events.push({
      kind: 'model-committed',
      severity: 'info',
      message: `${titleOf(champion)} has done its probation`,
      data: data(champion),
    });
  }
  if (after.challenger && after.challenger.model !== before.challenger?.model) {
    events.push({
      kind: 'model-activated',
      severity: 'info',
      message: `${titleOf(after.challenger.model)} runs beside the champion`,
      data: data(after.challenger.model, { role: 'challenger', share: after.challenger.share }),
    });
  }
  const gone = before.challenger?.model;
  if (cause.kind === 'desired' && gone && gone !== after.challenger?.model && gone !== champion) {
    events.push({
      kind: 'model-withdrawn',
      severity: 'info',
      message: `${titleOf(gone)} runs beside the champion no more: the server took it back`,
      data: data(gone, { role: 'challenger' }),
    });
  }
  if (cause.kind === 'refused' && before.step) {
    events.push(refusal(before.step.model, titleOf(before.step.model), cause.reason));
  }
  return events;
}

/** @param wanted null: it was released */
export function holdEvent(
  wanted: { readonly reason: string; readonly untilMs: number | null } | null,
  before: { readonly reason: string } | null,
): EventWords {
  return wanted
    ? {
        kind: 'models-held',
        severity: 'info',
        message: `An operator holds the models of this slot as they are: ${wanted.reason}`,
        data: { reason: wanted.reason, untilMs: wanted.untilMs },
      }
    : {
        kind: 'models-released',
        severity: 'info',
        message: `An operator let new models begin again: ${before?.reason ?? ''} is over`,
        data: { reason: before?.reason ?? null },
      };
}

/** A model that may not run on this device. */
export function refusal(model: string | null, title: string, reason: string): EventWords {
  return {
    kind: 'model-refused',
    severity: 'warning',
    message: `${title} was refused: ${reason}`.slice(0, 1024),
    data: { model, title, reason: reason.slice(0, 512) },
  };
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What went wrong, and what to do about it where the error knows. */
export function adviceOf(error: unknown): string {
  const hint = error instanceof CodedError ? error.hint : undefined;
  return hint === undefined ? wordsOf(error) : `${wordsOf(error)}. ${hint}`;
}
