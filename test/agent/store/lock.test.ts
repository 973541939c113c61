import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { afterEach, expect, it, vi } from 'vitest';
import { MIGRATIONS } from '../../../agent/store/migrations.ts';
import { projectRoot } from '../../support/processes.ts';
import { newPrediction, openTempStore, record, tempFolder } from './temp-store.ts';

afterEach(() => void vi.useRealTimers());

/** Locks are a process's own: only another one can tell. */
function another(path: string): string {
  const script = `
    const db = new (require('better-sqlite3'))(process.argv[1], { timeout: 0 });
    try { db.prepare('SELECT count(*) FROM predictions').get(); console.log('let in'); } catch (error) { console.log(error.code); }`;
  const ran = spawnSync(process.execPath, ['-e', script, path], {
    ...{ cwd: projectRoot, encoding: 'utf8', timeout: 60_000 },
  });
  return ran.stdout.trim();
}

it('keeps other processes out, whatever the store does with its own file', async () => {
  const folder = tempFolder();
  const path = join(folder, 'store.db');
  const older = new BetterSqlite(path);
  for (const step of MIGRATIONS.slice(0, -1)) older.exec(step);
  older.pragma(`user_version = ${MIGRATIONS.length - 1}`);
  older.close();

  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { store } = openTempStore({ folder });
  expect(existsSync(`${path}.before-v${MIGRATIONS.length}`)).toBe(true);
  expect(another(path)).toBe('SQLITE_BUSY');
  vi.advanceTimersByTime(60_000);
  expect(existsSync(`${path}.guide`)).toBe(true);
  vi.useRealTimers();
  await record(store, [newPrediction()]);
  await store.backUp(join(tempFolder(), 'backup.db'));
  expect(another(path)).toBe('SQLITE_BUSY');
});
