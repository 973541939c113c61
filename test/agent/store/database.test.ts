import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Database } from '../../../agent/store/database.ts';
import { tempFolder } from './temp-store.ts';

const MIB = 2 ** 20;
const ROWS = 64;

it('takes back or commits whole what is far larger than its cache of pages', () => {
  const database = Database.open(join(tempFolder(), 'store.db'), { maxBytes: 64 * MIB, logBytes: 16 * MIB });
  onTestFinished(() => void database.close());
  const { sqlite } = database;
  sqlite.exec('CREATE TABLE large (bytes BLOB)');
  const insert = sqlite.prepare<[Buffer]>('INSERT INTO large VALUES (?)');
  const fill = (after: () => void) => () => {
    for (let i = 0; i < ROWS; i++) insert.run(Buffer.alloc(MIB / 8, i));
    after();
  };
  const count = () => sqlite.prepare<[], number>('SELECT count(*) FROM large').pluck().get();
  const failing = fill(() => {
    throw new Error('something went wrong');
  });
  expect(() => database.transaction(failing)).toThrow();
  expect(count()).toBe(0);
  database.transaction(fill(() => undefined));
  expect(count()).toBe(ROWS);
  expect(sqlite.pragma('integrity_check', { simple: true })).toBe('ok');
});
