import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it, vi } from 'vitest';
import { MIGRATIONS } from '../../../agent/store/migrations.ts';
import { newFolder } from '../../faults/support/scene.ts';
import { describeWithSmallDisk, SmallDisk } from '../../faults/support/small-disk.ts';
import { closeStore, newPrediction, openTempStore, record, tempFolder } from './temp-store.ts';

describe('a backup', () => {
  it('is a whole store of some moment, made while the store goes on recording', async () => {
    const folder = tempFolder();
    const { store } = openTempStore({ folder });
    const many = (from: number) =>
      Array.from({ length: 500 }, (_, i) => newPrediction({ correlationId: `L${from + i}` }));
    for (let seq = 1; seq <= 5000; seq += 500) await record(store, many(seq), seq + 499);
    const file = join(tempFolder(), 'store.db');
    const copying = store.backUp(file);
    for (let seq = 5001; seq <= 7000; seq += 500) await record(store, many(seq), seq + 499);
    await copying;

    const copy = openTempStore({ folder: join(file, '..') }).store;
    const head = copy.streams.head('predictions');
    expect(head).toBeGreaterThanOrEqual(5000);
    expect(copy.predictions.position('inspection', 'line')).toBe(head);
    expect(copy.streams.read('predictions', 0, 10_000).records).toHaveLength(head);
    expect(copy.epoch).not.toBe(store.epoch);
    expect(copy.inherits).toEqual([
      { storeEpoch: store.epoch, heads: expect.objectContaining({ predictions: head }) },
    ]);
  });

  it('begins a new epoch also when it is written into the very file, and the agent had not started again', async () => {
    const folder = tempFolder();
    const { store } = openTempStore({ folder });
    await record(store, [newPrediction()]);
    const file = join(tempFolder(), 'backup.db');
    await store.backUp(file);
    await record(store, [newPrediction()]);
    await closeStore(store);
    writeFileSync(join(folder, 'store.db'), readFileSync(file));
    const again = openTempStore({ folder }).store;
    expect(again.epoch).not.toBe(store.epoch);
    expect(again.inherits[0]?.heads.predictions).toBe(1);
  });

  it('goes on from all the epochs before it, one restore after the other', async () => {
    const folder = tempFolder();
    const epochs: string[] = [];
    for (let round = 0; round < 3; round++) {
      const { store } = openTempStore({ folder });
      epochs.unshift(store.epoch);
      await record(store, [newPrediction()]);
      const file = join(tempFolder(), 'backup.db');
      await store.backUp(file);
      await closeStore(store);
      copyFileSync(file, join(folder, 'store.db'));
    }
    expect(openTempStore({ folder }).store.inherits.map(({ storeEpoch }) => storeEpoch)).toEqual(epochs);
  });
});

describe('a change of the tables', () => {
  it('keeps the database as it was before, and only that of the last change', async () => {
    const folder = tempFolder();
    const path = join(folder, 'store.db');
    const older = new BetterSqlite(path);
    for (const step of MIGRATIONS.slice(0, 2)) older.exec(step);
    older.pragma('user_version = 2');
    older.exec("INSERT INTO metrics VALUES (1, 5, 'm', NULL, 0.5)");
    older.close();
    writeFileSync(`${path}.before-v2`, 'of an earlier change');
    const { store } = openTempStore({ folder });
    expect(store.streams.read('metrics', 0, 10).records).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => name.includes('before'))).toHaveLength(1);
    const kept = new BetterSqlite(`${path}.before-v${MIGRATIONS.length}`, { readonly: true });
    expect(kept.pragma('user_version', { simple: true })).toBe(2);
    expect(kept.prepare('SELECT count(*) FROM metrics').pluck().get()).toBe(1);
    kept.close();
  });

  describeWithSmallDisk('on a disk that is nearly full', () => {
    /** Of an older agent, with some megabytes. */
    function olderStore(folder: string): string {
      const path = join(folder, 'store.db');
      const older = new BetterSqlite(path);
      for (const step of MIGRATIONS.slice(0, 2)) older.exec(step);
      older.pragma('user_version = 2');
      const add = older.prepare('INSERT INTO metrics VALUES (?, 5, ?, NULL, 0.5)');
      for (let seq = 1; seq <= 3; seq++) add.run(seq, 'm'.repeat(2 ** 20));
      older.close();
      return path;
    }
    const copies = (folder: string) => readdirSync(folder).filter((name) => name.includes('before'));

    it('goes on without a copy, and says so', async () => {
      const { folder } = new SmallDisk(newFolder(), 8);
      const path = olderStore(folder);
      writeFileSync(`${path}.before-v2`, 'of an earlier change');
      const { store } = openTempStore({ folder });
      const read = () => store.streams.read('events', 0, 10).records;
      await vi.waitFor(() => expect(read()).toHaveLength(1));
      expect(read()[0]).toMatchObject({
        kind: 'store-changed-uncopied',
        severity: 'warning',
        message: expect.stringMatching(/no room .* that takes \d MB, \d MB were free\. All records are here/),
      });
      expect(store.streams.read('metrics', 0, 10).records).toHaveLength(3);
      expect(copies(folder)).toEqual([]);
      await closeStore(store);
      // Told once.
      const again = openTempStore({ folder }).store;
      expect(again.streams.head('events')).toBe(1);
    });

    it('makes room by the copy of an earlier change', async () => {
      const { folder } = new SmallDisk(newFolder(), 12);
      const path = olderStore(folder);
      writeFileSync(`${path}.before-v2`, Buffer.alloc(3 * 2 ** 20));
      const { store } = openTempStore({ folder });
      expect(copies(folder)).toEqual([`store.db.before-v${MIGRATIONS.length}`]);
      await closeStore(store);
    });
  });

  it('keeps no copy of a store that is new', async () => {
    const folder = tempFolder();
    await closeStore(openTempStore({ folder }).store);
    expect(existsSync(join(folder, `store.db.before-v${MIGRATIONS.length}`))).toBe(false);
  });
});
