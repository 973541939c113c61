/** When this device does not do its work: no engine, no model, nothing recorded; in words that say what to do. Pure. */
import type { AlarmCause } from './alarm-cause.ts';

export interface ServingFacts {
  readonly engineAlive: boolean;
  /** Slots that no model serves, with why, where that is known. */
  readonly bareSlots: readonly { readonly slot: string; readonly reason: string | null }[];
  /** Code of the error by which the store's last write failed; null while it records. */
  readonly failing: string | null;
  /** When the store was opened it had to be salvaged: records that were lost with it; null: it was sound. */
  readonly goneRecords: number | null;
}

export function servingAlarms(facts: ServingFacts): AlarmCause[] {
  const { engineAlive, bareSlots, failing, goneRecords } = facts;
  return [
    ...(engineAlive ? [] : [ENGINE_DOWN]),
    ...bareSlots.map(({ slot, reason }) => noModel(slot, reason)),
    ...(failing === null ? [] : [notRecording(failing)]),
    ...(goneRecords === null ? [] : [storeDamaged(goneRecords)]),
  ];
}

const ENGINE_DOWN: AlarmCause = {
  code: 'engine-down',
  slot: null,
  severity: 'alarm',
  text: 'The engine is down. It is being started again.',
  next: 'Wait ten seconds. If this stays, call the person who looks after this device.',
};

function noModel(slot: string, reason: string | null): AlarmCause {
  return {
    code: 'no-model',
    slot,
    severity: 'alarm',
    text: `No model serves ${slot}.${reason ? ` ${sentence(reason)}` : ''}`.slice(0, 512),
    next: 'Inspect by hand until a model is installed, and call the person who releases models.',
  };
}

function notRecording(code: string): AlarmCause {
  const full = code === 'STORE_FULL';
  return {
    code: 'not-recording',
    slot: null,
    severity: 'alarm',
    text: `Predictions go on, but nothing is recorded: ${full ? 'the disk of this device is full' : `the store fails (${code})`}.`,
    next: full
      ? 'Free space on the disk; recording goes on by itself.'
      : 'Call the person who looks after this device: its disk may be failing.',
  };
}

function storeDamaged(gone: number): AlarmCause {
  const lost = gone === 0 ? 'No record' : `${gone.toLocaleString('en')} record${gone === 1 ? '' : 's'}`;
  return {
    code: 'store-damaged',
    slot: null,
    severity: 'warning',
    text: `The memory of this device was damaged. ${lost} that the server had not received ${gone === 0 || gone === 1 ? 'is' : 'are'} gone; the others are saved.`,
    next: 'Have the disk looked at: it may be failing. The agent says this until it is started again.',
  };
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
