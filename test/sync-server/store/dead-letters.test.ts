/** What was refused is kept for a person: bounded, once each, with the reason, and no device's flood hides another's. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { topics } from '../../../protocol/topics.ts';
import { migrations } from '../../../sync-server/store/migrations.ts';
import { openServerStore } from '../../../sync-server/store/server-store.ts';
import { temporaryFolder, temporaryStore } from '../support.ts';

const letter = {
  timeMs: 1000,
  topic: topics.birth('mill-1'),
  code: 'PAYLOAD_MALFORMED',
  reason: 'birth is not JSON',
  payload: Buffer.from('hello'),
};

describe('dead letters', () => {
  it('keep why, whose, and how a message began', () => {
    const { deadLetters } = temporaryStore();
    deadLetters.add({ ...letter, payload: Buffer.alloc(10_000, 'x'), reason: 'y'.repeat(2000) });
    const [found] = deadLetters.newest(1);
    expect(found).toMatchObject({ topic: letter.topic, code: letter.code, sizeBytes: 10_000, times: 1 });
    expect(deadLetters.byId(found?.id ?? 0)).toMatchObject({
      head: Buffer.alloc(4096, 'x'),
      reason: 'y'.repeat(512),
    });
  });

  it('count a message that is sent again and again, and keep it once', () => {
    const { deadLetters } = temporaryStore();
    for (const timeMs of [1000, 2000, 3000]) deadLetters.add({ ...letter, timeMs });
    deadLetters.add({ ...letter, code: 'TOPIC_MISMATCH' });
    expect(deadLetters.newest(10)).toMatchObject([
      { code: 'TOPIC_MISMATCH', times: 1 },
      { code: 'PAYLOAD_MALFORMED', times: 3, timeMs: 1000, lastMs: 3000 },
    ]);
  });

  it('are never pushed out by another device', () => {
    const { deadLetters } = temporaryStore();
    deadLetters.add({ ...letter, topic: topics.birth('quiet') });
    for (let i = 0; i < 600; i++) deadLetters.add({ ...letter, payload: Buffer.from(`${i}`) });
    expect(deadLetters.count).toBe(26);
    expect(deadLetters.newest(100).at(-1)?.topic).toBe(topics.birth('quiet'));
    expect(deadLetters.byId(deadLetters.newest(1)[0]?.id ?? 0)?.head.toString()).toBe('599');
  });

  it('are bounded, however many devices send what is refused', () => {
    const { deadLetters } = temporaryStore();
    for (let i = 0; i < 700; i++) deadLetters.add({ ...letter, topic: topics.birth(`mill-${i}`) });
    expect(deadLetters.count).toBe(500);
  });

  it('go when a person drops them, and an id never means another one', () => {
    const { deadLetters } = temporaryStore();
    deadLetters.add(letter);
    const id = deadLetters.newest(1)[0]?.id ?? 0;
    expect(deadLetters.drop(id)).toBe(true);
    expect(deadLetters.drop(id)).toBe(false);
    deadLetters.add(letter);
    expect(deadLetters.byId(id)).toBeUndefined();
    expect(deadLetters.dropAll()).toBe(1);
    expect(deadLetters.count).toBe(0);
  });

  it('of an older server are kept', () => {
    const folder = temporaryFolder();
    const older = new Database(join(folder, 'server.db'));
    for (const step of migrations.slice(0, 10)) older.exec(step);
    older.pragma('user_version = 10');
    older.exec("INSERT INTO dead_letters VALUES (7, 1000, 't', 'PAYLOAD_MALFORMED', 'why', 5, x'68')");
    older.close();
    const store = openServerStore(folder);
    expect(store.deadLetters.byId(7)).toMatchObject({ timeMs: 1000, lastMs: 1000, times: 1, reason: 'why' });
    store.close();
  });
});
