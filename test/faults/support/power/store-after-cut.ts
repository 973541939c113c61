/** Opens the real store on a disk that a power cut left, and looks for everything that its agent had been told is recorded. */
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { systemClock } from '../../../../agent/clock.ts';
import { openStore } from '../../../../agent/store/open-store.ts';
import { Counters } from '../../../../daemon/counters.ts';
import { predictionAt, SLOT, SOURCE } from './played-records.ts';
import type { Claim } from './said.ts';

export interface AfterCut {
  /** Of the predictions that were reported as recorded, those that are in the database. */
  readonly present: number;
  /** Of them, those that are neither there nor counted as dropped. */
  readonly lost: number;
  /** Anything else that is not as it must be, in words. */
  readonly problems: readonly string[];
}

export const DATABASE = 'store.db';

/** Files that are there already keep their identity: to the store it is the same disk, not a copy that somebody put back. */
export function materialise(images: ReadonlyMap<string, Buffer>, folder: string): void {
  for (const name of readdirSync(folder)) if (!images.has(name)) rmSync(join(folder, name));
  for (const [name, bytes] of images) {
    const path = join(folder, name);
    if (existsSync(path)) truncateSync(path, 0);
    writeFileSync(path, bytes, { flag: existsSync(path) ? 'r+' : 'w' });
  }
}

export async function lookAfterCut(folder: string, maxBytes: number, claim: Claim): Promise<AfterCut> {
  const problems: string[] = [];
  const mustHold = (holds: boolean, words: string) => {
    if (!holds) problems.push(words);
  };
  const counters = new Counters();
  const store = openStore({
    folder,
    maxBytes,
    commitWithinMs: 0,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    counters,
  });
  const head = store.streams.head('predictions');
  const position = store.predictions.position(SLOT, SOURCE);
  mustHold(claim.epoch === null || store.epoch === claim.epoch, 'another store epoch');
  mustHold(position === head, `the place in the source is ${position}, the newest prediction ${head}`);
  mustHold(Number(store.states.get('turn') ?? 0) >= claim.state, `state ${claim.state} is gone`);
  const [next] = await store.recorder.predictions({
    slot: SLOT,
    source: SOURCE,
    position: head + 1,
    predictions: [predictionAt(head + 1)],
  });
  mustHold(next?.seq === head + 1, `seq ${next?.seq} after ${head}`);
  await store.close();
  const counted = Object.keys(counters.snapshot()).filter((code) => !code.startsWith('store.dropped-'));
  mustHold(counted.length === 0, `counted: ${counted.join(', ')}`);

  const database = new Database(join(folder, DATABASE), { readonly: true });
  try {
    const integrity = database.pragma('integrity_check(1)', { simple: true });
    mustHold(integrity === 'ok', String(integrity));
    const rows = database
      .prepare<[], { seq: number; part: string; label: number; score: number }>(
        'SELECT seq, correlation_id AS part, label, score FROM predictions ORDER BY seq',
      )
      .all();
    const wrong = rows.filter(({ seq, part, label, score }) => {
      const right = predictionAt(seq);
      return part !== right.correlationId || label !== right.label || score !== right.score;
    });
    mustHold(wrong.length === 0, `${wrong.length} predictions are not what was recorded`);
    const dropped =
      database
        .prepare<[], number>("SELECT dropped FROM streams WHERE stream = 'predictions'")
        .pluck()
        .get() ?? 0;
    const present = rows.filter(({ seq }) => seq <= claim.predictions).length;
    const missing = head + 1 - rows.length - dropped;
    mustHold(missing === 0, `${missing} predictions neither there nor counted`);
    const about = new Set(database.prepare<[], number>('SELECT prediction_seq FROM feedback').pluck().all());
    const answersLost = claim.feedbackAbout.filter((seq) => !about.has(seq)).length;
    mustHold(answersLost === 0, `${answersLost} answers are gone`);
    return {
      present,
      lost: Math.max(0, claim.predictions - present - dropped),
      problems,
    };
  } finally {
    database.close();
  }
}
