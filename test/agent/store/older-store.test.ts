import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { MIGRATIONS } from '../../../agent/store/migrations.ts';
import { MODEL_A, NOW_MS, newPrediction, openTempStore, record, tempFolder } from './temp-store.ts';

it('goes on with a store from before precedence and circumstances, its labels as they stood', async () => {
  const folder = tempFolder();
  const older = new BetterSqlite(join(folder, 'store.db'));
  older.exec(MIGRATIONS[0] ?? '');
  older.exec(`
    INSERT INTO contexts VALUES (3, '00000001', 'inspection', '${MODEL_A}', 0);
    INSERT INTO predictions VALUES (1, ${NOW_MS}, 3, 'L1', 0, 0.5, 9, 0, 0, NULL);
    INSERT INTO feedback VALUES (1, ${NOW_MS}, 1, 'inspection', 1, 1, 1, 'operator', 'looked');
    INSERT INTO feedback VALUES (2, ${NOW_MS + 1}, 1, 'inspection', 0, 0, 0.9, 'quiet', 'nothing');
    INSERT INTO confusion VALUES (3, ${Math.floor(NOW_MS / 60_000)}, 1, 0, 1, 1, 1, 1, ${NOW_MS});
  `);
  older.pragma('user_version = 1');
  older.close();
  const { store } = openTempStore({ folder });
  expect(store.predictions.labelOf(1)).toMatchObject({ label: 1, rule: 'operator' });
  expect(store.predictions.bySeq(1)).toMatchObject({ tags: {}, propensity: 1, explored: false });
  const [next] = await record(store, [newPrediction({ tags: { shift: 'late' }, propensity: 0.1 })]);
  expect(store.predictions.bySeq(next?.seq ?? 0)).toMatchObject({ tags: { shift: 'late' }, propensity: 0.1 });

  const query = { slot: 'inspection', model: MODEL_A, role: 'any' as const };
  const before = { truth: 1, said: 0, weight: 1, propensity: 1, keptShare: 1, count: 1, tags: {} };
  expect(store.predictions.outcomes(query)).toEqual([before]);
  const answer = { predictionSeq: 1, slot: 'inspection', label: 1, weight: 1, evidence: '' };
  await store.recorder.feedback([
    { ...answer, kind: 'explicit', rule: 'operator', timeMs: NOW_MS + 2, withdrawn: true },
  ]);
  expect(store.predictions.labelOf(1)).toMatchObject({ label: 0, rule: 'quiet' });
  expect(store.predictions.outcomes(query)).toEqual([{ ...before, truth: 0, weight: 0.9 }]);
});
