import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { migrations } from '../../../sync-server/store/migrations.ts';
import { CHAMPION, prediction, temporaryFolder, temporaryStore } from '../support.ts';

it('counts the labels of a server from before they were counted as they arrived', () => {
  const folder = temporaryFolder();
  const older = new BetterSqlite(join(folder, 'server.db'));
  const { timeMs } = prediction(1);
  const steps = migrations.findIndex((step) => step.includes('outcomes_by_minute'));
  for (const step of migrations.slice(0, steps)) older.exec(step);
  older.exec(`
    INSERT INTO epochs VALUES (1, 'mill-1', '00112233aabbccdd');
    INSERT INTO contexts VALUES (1, '0123abcd', 'machine-failure', '${CHAMPION}', 'champion', '{"shift":"late"}', 1, 0);
    INSERT INTO contexts VALUES (2, '0123abcd', 'machine-failure', '${CHAMPION}', 'shadow', '{"shift":"late"}', 1, 0);
    INSERT INTO predictions VALUES (1, 1, 1, ${timeMs}, 'L1', 0, 0.5, 9, 0, 0, NULL), (1, 2, 2, ${timeMs}, 'L1', 1, 0.5, 9, 0, 1, NULL);
    INSERT INTO predictions VALUES (1, 3, 1, ${timeMs}, 'L2', 0, 0.5, 9, 0, 0, NULL);
    INSERT INTO labels (epoch_id, prediction_seq, label, weight, kind) VALUES (1, 1, 1, 0.9, 'implicit');
  `);
  older.pragma(`user_version = ${steps}`);
  older.close();
  const { outcomes } = temporaryStore(folder);
  expect(outcomes.byTags({ slot: 'machine-failure', sinceMs: 0 })).toMatchObject([
    { truth: 1, said: 0, weight: 0.9, count: 1, tags: { shift: 'late' } },
    { truth: 1, said: 1, weight: 0.9, count: 1 },
  ]);
  expect(outcomes.span('machine-failure')?.firstMs).toBe(timeMs - (timeMs % 60_000));
});
