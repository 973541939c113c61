import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Database, suspectPath } from '../../../agent/store/database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { closeStore, newPrediction, openTempStore, record, tempFolder } from './temp-store.ts';

const MANY = Array.from({ length: 500 }, (_, i) => newPrediction({ correlationId: `L${i}` }));
const recorderScript = fileURLToPath(new URL('./record-until-killed.ts', import.meta.url));

describe('a killed agent', () => {
  it('has on disk everything that was reported as recorded, with no gap and each place in step with its predictions', async () => {
    const folder = tempFolder();
    let said = 0;
    const places = new Map<string, number>();
    for (let round = 0; round < 2; round++) {
      const child = spawn(process.execPath, ['--import', 'tsx', recorderScript, folder]);
      const goal = said + 300;
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [seq, slot, position] = line.split(' ');
        said = Math.max(said, Number(seq));
        places.set(String(slot), Number(position));
      });
      await waitFor('the child records', () => said >= goal, 15_000);
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));

      const { store } = openTempStore({ folder });
      const { records } = store.streams.read('predictions', 0, 100_000);
      expect(records.map(({ seq }) => seq)).toEqual(records.map((_, i) => i + 1));
      expect(records.length).toBeGreaterThanOrEqual(said);
      for (const [slot, position] of places) {
        expect(store.predictions.position(slot, 'line')).toBeGreaterThanOrEqual(position);
        const last = store.predictions.recent(slot, 1)[0]?.correlationId;
        expect(last).toBe(`L${store.predictions.position(slot, 'line')}`);
      }
      said = records.length;
      places.clear();
      await closeStore(store);
    }
  });
});

describe('a folder that another agent uses', () => {
  it('is refused with what to do, and the first agent goes on', async () => {
    const folder = tempFolder();
    const { store } = openTempStore({ folder });
    expect(() => openTempStore({ folder })).toThrow(
      expect.objectContaining({ code: 'STORE_LOCKED', hint: expect.stringContaining('dataDir') }),
    );
    await expect(record(store, [newPrediction()])).resolves.toHaveLength(1);
  });
});

describe('an unreadable database', () => {
  it.each([
    ['is no database at all', (path: string) => writeFileSync(path, 'x'.repeat(9000))],
    ['was cut short', (path: string) => truncateSync(path, 8192)],
  ])('is set aside and told of when it %s', async (_, damage) => {
    const folder = tempFolder();
    const before = openTempStore({ folder }).store;
    await record(before, MANY);
    await closeStore(before);
    damage(join(folder, 'store.db'));

    const { store, counters } = openTempStore({ folder });
    expect(existsSync(join(folder, 'store.db.corrupt-1'))).toBe(true);
    expect(store.epoch).not.toBe(before.epoch);
    expect(counters.get('STORE_CORRUPT')).toBe(1);
    await waitFor('the event', () => store.streams.head('events') === 1);
    expect(store.streams.read('events', 0, 1).records[0]).toMatchObject({
      kind: 'store-set-aside',
      severity: 'alarm',
    });
    expect((await record(store, [newPrediction()]))[0]?.seq).toBe(1);
  });

  it('is checked whole after a run that met damage, and kept when it is sound', async () => {
    const folder = tempFolder();
    const before = openTempStore({ folder }).store;
    await record(before, [newPrediction()]);
    await closeStore(before);
    const path = join(folder, 'store.db');
    writeFileSync(suspectPath(path), '');
    expect(openTempStore({ folder }).store.epoch).toBe(before.epoch);
    expect(
      readdirSync(folder).filter((name) => name.includes('suspect') || name.includes('corrupt')),
    ).toEqual([]);
  });
});

describe('a copy put in place of the database', () => {
  it('begins a new epoch that sends on from the cursor and calls what came before a gap', async () => {
    const folder = tempFolder();
    const before = openTempStore({ folder }).store;
    await record(before, [newPrediction(), newPrediction(), newPrediction()]);
    before.streams.ack('predictions', 2);
    await closeStore(before);
    const restored = tempFolder();
    copyFileSync(join(folder, 'store.db'), join(restored, 'store.db'));

    const { store } = openTempStore({ folder: restored });
    expect(store.epoch).not.toBe(before.epoch);
    expect(store.streams.acked('predictions')).toBe(0);
    const { records, gapBefore } = store.streams.read('predictions', 0, 10);
    expect([records.map(({ seq }) => seq), gapBefore]).toEqual([[3], 2]);
    await waitFor('the event', () => store.streams.head('events') === 1);
    expect(store.streams.read('events', 0, 1).records[0]?.kind).toBe('store-restored');
  });

  it('is known as one even when it was written into the very same file', async () => {
    const folder = tempFolder();
    const path = join(folder, 'store.db');
    const first = openTempStore({ folder }).store;
    await record(first, [newPrediction()]);
    await closeStore(first);
    copyFileSync(path, join(folder, 'backup'));
    const second = openTempStore({ folder }).store;
    await record(second, [newPrediction(), newPrediction()]);
    second.streams.ack('predictions', 3);
    await closeStore(second);
    writeFileSync(path, readFileSync(join(folder, 'backup')));

    const { store } = openTempStore({ folder });
    expect(second.epoch).toBe(first.epoch);
    expect(store.epoch).not.toBe(first.epoch);
    expect((await record(store, [newPrediction()]))[0]?.seq).toBe(2);
  });

  it('is not seen in a database whose last start was cut off between any two of its steps', async () => {
    const folder = tempFolder();
    const before = openTempStore({ folder }).store;
    await closeStore(before);
    const path = join(folder, 'store.db.start');
    writeFileSync(path, `${readFileSync(path, 'utf8')}the-name-of-a-start-that-never-came-to-the-database\n`);
    const { store } = openTempStore({ folder });
    expect(store.epoch).toBe(before.epoch);
    expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(1);
  });
});

describe('a full disk', () => {
  it('rejects what did not fit, counts it, and records again by itself once there is room', async () => {
    const folder = tempFolder();
    const { store, counters } = openTempStore({ folder, maxBytes: 4 * 1024 * 1024 });
    await record(store, MANY);
    store.streams.ack('predictions', 500);
    // Values that retention may not take fill the file up to its cap.
    const filler = 'x'.repeat(100_000);
    let full: unknown;
    for (let i = 0; full === undefined && i < 100; i++) {
      try {
        store.states.set(`filler/${i}`, filler);
      } catch (error) {
        full = error;
      }
    }
    expect(full).toMatchObject({ code: 'STORE_FULL', hint: expect.stringContaining('maxBytes') });
    const big = Array.from({ length: 500 }, () => newPrediction({ features: new Float32Array(1024) }));
    await expect(record(store, big)).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect(counters.get('STORE_FULL')).toBeGreaterThan(0);

    for (const key of store.states.keys('filler/')) store.states.delete(key);
    const [first] = await record(store, [newPrediction({ correlationId: 'after' })]);
    expect(first?.seq).toBe(501);
    expect(store.streams.read('predictions', 500, 10).records[0]?.correlationId).toBe('after');
  });
});

describe('a database of a newer agent', () => {
  it('is refused and left alone', async () => {
    const folder = tempFolder();
    await closeStore(openTempStore({ folder }).store);
    const database = Database.open(join(folder, 'store.db'), { maxBytes: 2 ** 20, logBytes: 2 ** 16 });
    database.sqlite.pragma('user_version = 999');
    database.close();
    expect(() => openTempStore({ folder })).toThrow(expect.objectContaining({ code: 'STORE_UNWRITABLE' }));
    expect(readdirSync(folder).sort()).toEqual(['store.db', 'store.db.guide', 'store.db.start']);
  });
});
