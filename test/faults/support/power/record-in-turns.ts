/**
 * A process that fills a store as an agent does, and writes into the file `said` of the same folder what it was told is
 * recorded, at that moment. Arguments: folder, cap of the store in bytes, commits a session.
 */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../../../../agent/clock.ts';
import { Random } from '../../../../agent/sources/random.ts';
import { openStore } from '../../../../agent/store/open-store.ts';
import { Counters } from '../../../../daemon/counters.ts';
import { feedbackAt, predictionAt, SLOT, SOURCE } from './played-records.ts';
import { SAID_FILE, type Said } from './said.ts';

const [folder = '', maxBytes, commits] = process.argv.slice(2);
const SESSIONS = 3;
const MOST_ROWS = 60;
/** Of the commits. */
const FEEDBACK_SHARE = 0.2;
const STATE_SHARE = 0.1;

const said = openSync(join(folder, SAID_FILE), 'a');
const say = (words: Said) => void writeSync(said, `${JSON.stringify(words)}\n`);
const random = new Random(1);
let position = 0;
let states = 0;

for (let session = 0; session < SESSIONS; session++) {
  const store = openStore({
    folder,
    maxBytes: Number(maxBytes),
    commitWithinMs: 1,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    counters: new Counters(),
  });
  say({ epoch: store.epoch });
  for (let commit = 0; commit < Number(commits); commit++) {
    const rows = 1 + Math.floor(random.uniform() * MOST_ROWS);
    const predictions = Array.from({ length: rows }, (_, i) => predictionAt(position + i + 1));
    position += rows;
    const answers: Promise<void>[] = [
      store.recorder
        .predictions({ slot: SLOT, source: SOURCE, position, predictions })
        .then((recorded) => say({ predictions: recorded.at(-1)?.seq ?? 0 })),
    ];
    if (random.uniform() < FEEDBACK_SHARE && position > MOST_ROWS) {
      const about = position - rows;
      answers.push(store.recorder.feedback([feedbackAt(about)]).then(() => say({ feedbackAbout: about })));
    }
    if (random.uniform() < STATE_SHARE) {
      states += 1;
      store.states.set('turn', states);
      say({ state: states });
    }
    // By turns, one commit after the other and many at once.
    if (random.uniform() < 0.7) await Promise.all(answers);
  }
  await store.close();
}
