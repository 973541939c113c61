/** The tables of docs/faults.md: what each says, and how a row of it is written. */
import type { Outcome } from './outcome.ts';

export interface FaultRow extends Outcome {
  /** Begins with the number of its group, by which the table is sorted: `1 agent killed`. */
  readonly fault: string;
  readonly times: number;
  /** Of what was recorded and then went with a damaged page; else it is what was made and not recorded. */
  readonly counted?: number;
  /** Where an operator sees it: codes and counts, times, in words. */
  readonly seen: string;
}

export interface UpdateRow {
  readonly fault: string;
  readonly times: number;
  /** What the line had meanwhile. */
  readonly served: string;
  /** How the update ended, and with which codes on the way. */
  readonly ended: string;
  /** Samples; null where none took part, or they were not counted. */
  readonly lost: number | null;
  readonly doubled: number | null;
}

export interface EngineRow extends Omit<Outcome, 'atServer'> {
  readonly fault: string;
  /** Page answers while the engine was struck and came back. */
  readonly pages: number;
  readonly slowestPageMs: number;
  /** Each fault's time without a new prediction. */
  readonly standstillsMs: readonly number[];
}

export interface FuzzRow {
  readonly decoder: string;
  readonly inputs: number;
  readonly refused: number;
  readonly slowestMs: number;
  /** Heap and buffers that one input took at most. */
  readonly mostMiB: number;
  readonly codes: readonly string[];
}

export interface DoorRow {
  /** With who asked. */
  readonly door: string;
  /** Routes or topics. */
  readonly addresses: number;
  readonly sent: number;
  /** Null: nobody can tell, for the connection just ended. */
  readonly refused: number | null;
  readonly counted: number;
  /** Changes that were not theirs to make. */
  readonly changed: number;
  readonly codes: readonly string[];
}

export interface Section<Row> {
  readonly title: string;
  readonly about: string;
  /** `:` at its end: aligned to the right. */
  readonly columns: readonly string[];
  readonly cells: (row: Row) => readonly (string | number | null)[];
}

export const SAMPLES: Section<FaultRow> = {
  title: 'What faults did',
  about: `Written by \`npm run faults\`, which injects each fault into real processes and real files and counts what became of every
sample. \`npm test\` plays a short form of the same. *Lost*: samples with no record that no counter tells of. *Doubled*:
samples with two. *Counted*: samples with no record that a counter or a gap tells of. *Seen*: what the page of the device or
the console of the server shows of it.`,
  columns: ['fault', 'times:', 'made:', 'recorded:', 'at server:', 'lost:', 'doubled:', 'counted:', 'seen'],
  cells: (row) => [
    row.fault,
    row.times,
    row.made,
    row.recorded,
    row.atServer,
    row.lost,
    row.doubled,
    row.counted ?? row.made - row.recorded - row.lost,
    row.seen,
  ],
};

export const UPDATES: Section<UpdateRow> = {
  title: 'During an update',
  about: `The way of a model onto a device, disturbed. A *step* is each row written, each file or folder made, written, synced, renamed
or removed, each load and unload of the engine, as the running agent itself was seen to take them.`,
  columns: ['fault', 'times:', 'the line had', 'the update', 'lost:', 'doubled:'],
  cells: (row) => [row.fault, row.times, row.served, row.ended, row.lost, row.doubled],
};

export const ENGINE: Section<EngineRow> = {
  title: 'The engine struck at full load',
  about: `A device as a service runs it, with the default configuration, works through a backlog as fast as it can; its engine process gets a signal at a random
moment. The page is asked every 20 ms, and is to answer each time. *Back*: milliseconds from the last new prediction before the fault to the
first one after it, as the page shows them.`,
  columns: [
    'fault',
    'times:',
    'made:',
    'answered:',
    'lost:',
    'doubled:',
    'page answers:',
    'slowest ms:',
    'back, p50:',
    'p99:',
    'most:',
  ],
  cells: (row) => [
    row.fault,
    row.standstillsMs.length,
    row.made,
    row.recorded,
    row.lost,
    row.doubled,
    row.pages,
    Math.ceil(row.slowestPageMs),
    ...[0.5, 0.99, 1].map((share) => Math.round(quantile(row.standstillsMs, share))),
  ],
};

export const FUZZ: Section<FuzzRow> = {
  title: 'Bytes from strangers',
  about: `Every decoder of what comes from a network or from a file that people bring, under random bytes and under mutations of valid
input. Each input was taken, or refused with a code of ours.`,
  columns: ['decoder', 'inputs:', 'refused:', 'slowest ms:', 'most MiB:', 'codes'],
  cells: (row) => [
    row.decoder,
    row.inputs,
    row.refused,
    Math.ceil(row.slowestMs),
    Math.round(row.mostMiB),
    row.codes.join(', '),
  ],
};

export const DOORS: Section<DoorRow> = {
  title: 'Every door',
  about: `Each route of HTTP that a running agent and a running server have registered, and each topic that they have subscribed to,
under hostile requests and messages. None was answered with an unexpected error. *Counted*: by a counter that one can read.
*Changed*: tables that are not as they were, though who asked may not change them.`,
  columns: ['door', 'addresses:', 'sent:', 'refused:', 'counted:', 'changed:', 'codes'],
  cells: (row) => [
    row.door,
    row.addresses,
    row.sent,
    row.refused,
    row.counted,
    row.changed,
    row.codes.join(', '),
  ],
};

export const SECTIONS: readonly Section<never>[] = [SAMPLES, ENGINE, UPDATES, DOORS, FUZZ];

/** The least value that so much of the values does not pass. */
function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? 0;
}
