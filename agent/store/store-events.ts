/** What the store says of itself when its database is not the one that it left. */
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { NoRoom } from './migration-copy.ts';
import type { NewEvent } from './records.ts';
import type { Salvaged } from './salvage/salvage.ts';

export function restoredEvent(timeMs: number, epoch: string): NewEvent {
  return {
    timeMs,
    kind: 'store-restored',
    severity: 'warning',
    slot: null,
    message: 'The database file is a copy: its records go on under a new store epoch.',
    data: { epoch },
  };
}

export function overtakenEvent(
  timeMs: number,
  { stream, serverSeq, lastSeq }: { stream: Stream; serverSeq: number; lastSeq: number },
): NewEvent {
  const count = serverSeq - lastSeq;
  return {
    ...{ timeMs, kind: 'store-overtaken', severity: 'alarm', slot: null },
    message: `The server has ${count} records (${stream}) more than this device kept: its disk lost what it had said was written. Records go on under a new store epoch; the disk should be replaced.`,
    data: { stream, serverSeq, lastSeq },
  };
}

/** @param rows that do not hold what was written */
export function unsoundEvent(timeMs: number, rows: number): NewEvent {
  return {
    timeMs,
    kind: 'store-rows-altered',
    severity: 'alarm',
    slot: null,
    message: `${rows} records no longer hold what was written to the disk, and are left out. Replace the disk if there are more of them tomorrow.`,
    data: { rows },
  };
}

export function changedUncopiedEvent(timeMs: number, { neededBytes, freeBytes }: NoRoom): NewEvent {
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6).toLocaleString('en-US')} MB`;
  return {
    timeMs,
    kind: 'store-changed-uncopied',
    severity: 'warning',
    slot: null,
    message: `The tables of the store were changed for this version of the agent, and its disk had no room to keep the store as it was: that takes ${megabytes(neededBytes)}, ${megabytes(freeBytes)} were free. All records are here; an older agent cannot read them any more.`,
    data: { neededBytes, freeBytes },
  };
}

export function salvagedEvent(timeMs: number, { setAside, kept, gone }: Salvaged): NewEvent {
  const sum = (counts: Salvaged['kept']) => STREAMS.reduce((total, stream) => total + counts[stream], 0);
  const [saved, lost] = [sum(kept), sum(gone)];
  const data: Record<string, string | number> = { path: setAside };
  for (const stream of STREAMS) {
    data[`kept-${stream}`] = kept[stream];
    data[`gone-${stream}`] = gone[stream];
  }
  return {
    ...{ timeMs, severity: 'alarm', slot: null, data },
    kind: saved > 0 ? 'store-salvaged' : 'store-set-aside',
    message:
      saved > 0
        ? `The database was damaged. ${saved} records were saved and go on under a new store epoch; ${wordsOf(lost)} The damaged file is kept as ${setAside}.`
        : `The database was unreadable and was set aside as ${setAside}. A new one begins; ${wordsOf(lost)}`,
  };
}

function wordsOf(lost: number): string {
  return lost === 0
    ? 'no record is known to be lost that the server did not have.'
    : `at most ${lost} that the server had not received are gone.`;
}
