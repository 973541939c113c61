/** What an operator says after a restore, of a part that was judged before it, reaches that part's prediction at the server. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Store } from '../../agent/store/store.ts';
import { restoreStore } from '../../cli/store/restore-store.ts';
import {
  closeStore,
  NOW_MS,
  newPrediction,
  openTempStore,
  record,
  tempFolder,
} from '../agent/store/temp-store.ts';
import { sayBirth, upload } from '../support/direct-upload.ts';
import { temporaryStore } from '../sync-server/support.ts';

const SLOT = 'inspection';

async function label(store: Store, predictionSeq: number): Promise<void> {
  const { correlationId } = store.predictions.bySeq(predictionSeq) ?? {};
  await store.recorder.feedback([
    {
      ...{ timeMs: NOW_MS + 1, predictionSeq, slot: SLOT, kind: 'explicit', label: 1, weight: 1 },
      ...{ rule: 'operator', evidence: String(correlationId) },
    },
  ]);
}

it.each([
  ['the server had all of it', true],
  ['the server had none of it', false],
])('also where %s', async (_, isSentBefore) => {
  const folder = tempFolder();
  const server = temporaryStore();
  const parts = (names: string) => [...names].map((name) => newPrediction({ correlationId: name }));
  const { store } = openTempStore({ folder });
  await record(store, parts('abcdef'));
  sayBirth(store, server);
  if (isSentBefore) upload(store, server, 'predictions');
  const backup = join(tempFolder(), 'backup.db');
  await store.backUp(backup);
  // The copy does not know these; the next database gives their numbers out anew.
  await record(store, parts('gh'));
  if (isSentBefore) upload(store, server, 'predictions');
  await closeStore(store);

  restoreStore(backup, folder);
  const { store: restored } = openTempStore({ folder });
  expect(restored.epoch).not.toBe(store.epoch);
  await record(restored, parts('xyz'));
  for (const seq of [2, 5, 7]) await label(restored, seq);
  sayBirth(restored, server);
  upload(restored, server, 'predictions');
  upload(restored, server, 'feedback');

  const query = { slot: SLOT, model: null, sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
  const { samples, withoutPrediction } = server.labelledSamples.page(query, null, 100);
  expect(samples.map(({ storeEpoch, seq, correlationId }) => ({ storeEpoch, seq, correlationId }))).toEqual([
    { storeEpoch: store.epoch, seq: 2, correlationId: 'b' },
    { storeEpoch: store.epoch, seq: 5, correlationId: 'e' },
    { storeEpoch: restored.epoch, seq: 7, correlationId: 'x' },
  ]);
  expect(samples.map(({ evidence }) => evidence)).toEqual(['b', 'e', 'x']);
  expect(withoutPrediction).toBe(0);
  // A second one from the same copy hears what the first one sent.
  await closeStore(restored);
  copyFileSync(backup, join(folder, 'store.db'));
  const { store: again } = openTempStore({ folder });
  sayBirth(again, server);
  expect(server.cursors.ofEpoch('mill-1', again.epoch).predictions.committedSeq).toBe(6);
});
