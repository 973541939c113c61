import { describe, expect, it } from 'vitest';
import { eventsOf } from '../../../agent/models/model-events.ts';
import { EMPTY_SLOT, type SlotEvent, type SlotState } from '../../../agent/models/slot-state.ts';
import { transition } from '../../../agent/models/transitions.ts';
import type { ModelRef } from '../../../protocol/messages.ts';

const hash = (digit: string) => digit.repeat(64);
const ref = (digit: string): ModelRef => ({
  name: 'wear',
  version: Number(digit),
  manifestSha256: hash(digit),
  indexSha256: hash('f'),
  sizeBytes: 1,
});

/** Plays events from an empty slot. @returns what is told of the last one */
function toldOf(...events: SlotEvent[]): { kind: string; message: string }[] {
  let before: SlotState = EMPTY_SLOT;
  let after = before;
  for (const event of events) {
    before = after;
    after = transition(before, event);
  }
  const last = events.at(-1) as SlotEvent;
  return eventsOf(before, after, last, (model) => `wear ${model[0]}`).map(({ kind, message }) => ({
    kind,
    message,
  }));
}

const runsOne: SlotEvent = { kind: 'configured', model: hash('1') };
const wantsTwoBeside: SlotEvent = {
  kind: 'desired',
  desired: { champion: ref('1'), challenger: { model: ref('2'), share: 0.05, rolloutId: 'r' } },
};
const twoTested: SlotEvent = { kind: 'step', model: hash('2'), goal: 'challenger', to: 'testing' };
const passed: SlotEvent = { kind: 'passed' };

describe('what is told of a slot’s models', () => {
  it('tells of a challenger that comes', () => {
    expect(toldOf(runsOne, wantsTwoBeside, twoTested, passed)).toEqual([
      { kind: 'model-activated', message: 'wear 2 runs beside the champion' },
    ]);
  });

  it('tells of a challenger that the server takes back', () => {
    const back: SlotEvent = { kind: 'desired', desired: { champion: ref('1'), challenger: null } };
    expect(toldOf(runsOne, wantsTwoBeside, twoTested, passed, back)).toEqual([
      {
        kind: 'model-withdrawn',
        message: 'wear 2 runs beside the champion no more: the server took it back',
      },
    ]);
  });

  it('does not call a challenger withdrawn that becomes the champion', () => {
    const promoted: SlotEvent = { kind: 'desired', desired: { champion: ref('2'), challenger: null } };
    expect(toldOf(runsOne, wantsTwoBeside, twoTested, passed, promoted)).toEqual([
      { kind: 'model-activated', message: 'wear 2 decides now, on probation' },
    ]);
  });

  it('says why a model was refused', () => {
    const refused: SlotEvent = { kind: 'refused', reason: 'no signature' };
    expect(toldOf(runsOne, wantsTwoBeside, twoTested, refused)).toEqual([
      { kind: 'model-refused', message: 'wear 2 was refused: no signature' },
    ]);
  });
});
