import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import { migrations } from '../../../sync-server/store/migrations.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import { labelCases } from '../../support/label-histories.ts';
import {
  CHAMPION,
  EPOCH,
  feedback,
  ingestOver,
  prediction,
  temporaryFolder,
  temporaryStore,
} from '../support.ts';

function samplesOf(store: ServerStore) {
  const query = { slot: 'machine-failure', model: null, sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
  return store.labelledSamples.page(query, null, 100).samples;
}

describe.each(labelCases())('$name', ({ history, stands }) => {
  it.each([
    ['in order', history],
    ['in reverse', history.toReversed()],
  ])('on the server, heard %s', (_, heard) => {
    const store = temporaryStore();
    const { send } = ingestOver(store);
    send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, [prediction(1)]));
    heard.forEach((evidence, i) => {
      send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, [feedback(i + 1, 1, evidence)]));
    });
    expect(samplesOf(store)).toMatchObject(stands === null ? [] : [stands]);
  });
});

describe('what older devices and servers left', () => {
  it('is read on with the label that stood, and revised by what comes now', () => {
    const folder = temporaryFolder();
    const older = new Database(join(folder, 'server.db'));
    for (const step of migrations.slice(0, 4)) older.exec(step);
    older.exec(`
      INSERT INTO epochs VALUES (1, 'mill-1', '${EPOCH}');
      INSERT INTO cursors VALUES (1, 'predictions', 1, 0), (1, 'feedback', 2, 0);
      INSERT INTO contexts VALUES (7, '0123abcd', 'machine-failure', '${CHAMPION}', 'champion');
      INSERT INTO predictions VALUES (1, 1, 7, 1000, 'part-1', 0, 0.5, 9, 0, 0, NULL);
      INSERT INTO feedback VALUES (1, 1, 3000, 1, 'machine-failure', 'explicit', 1, 1, 'operator', 'looked');
      INSERT INTO feedback VALUES (1, 2, 4000, 1, 'machine-failure', 'implicit', 0, 0.9, 'quiet', 'nothing');
      INSERT INTO labels VALUES (1, 1, 1, 1, 'explicit', 3000);
    `);
    older.pragma('user_version = 4');
    older.close();
    const store = temporaryStore(folder);
    expect(samplesOf(store)).toMatchObject([
      { label: 1, rule: 'operator', evidence: 'looked', tags: {}, propensity: 1, explored: false },
    ]);
    const { send } = ingestOver(store);
    const answer = feedback(3, 1, { kind: 'explicit', rule: 'operator', timeMs: 5000, withdrawn: true });
    send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, [answer]));
    expect(samplesOf(store)).toMatchObject([{ label: 0, rule: 'quiet' }]);
  });

  it('keeps predictions apart by their circumstances from now on', () => {
    const store = temporaryStore();
    const { send } = ingestOver(store);
    const early = { shift: 'early', operator: 'b' };
    const records = [
      prediction(1),
      prediction(2, { tags: early }),
      prediction(3, { tags: { operator: 'b', shift: 'early' }, propensity: 0.05, explored: true }),
    ];
    send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, records));
    send(
      'mill-1',
      'feedback',
      encodeBatch(
        'feedback',
        EPOCH,
        [1, 2, 3].map((seq) => feedback(seq, seq)),
      ),
    );
    expect(samplesOf(store)).toMatchObject([
      { tags: {}, propensity: 1, explored: false },
      { tags: early, propensity: 1, explored: false },
      { tags: early, propensity: 0.05, explored: true },
    ]);
    expect(store.labelledSamples.about('machine-failure').tagKeys).toEqual(['operator', 'shift']);
  });
});
