import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import { STREAMS } from '../../../protocol/records.ts';
import { migrations } from '../../../sync-server/store/migrations.ts';
import { Retention } from '../../../sync-server/store/retention.ts';
import {
  EPOCH,
  event,
  feedback,
  ingestOver,
  prediction,
  predictionBatch,
  silentLog,
  temporaryFolder,
  temporaryStore,
} from '../support.ts';

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const folder = temporaryFolder();
  const store = temporaryStore(folder);
  const test = ingestOver(store);
  const { clock, counters } = test;
  const retention = new Retention({ store, keepDays: 90, clock, counters, log: silentLog });
  retention.start();
  onTestFinished(() => retention.stop());
  const reader = new Database(join(folder, 'server.db'), { readonly: true });
  onTestFinished(() => void reader.close());
  const rows = (table: string) => reader.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
  /** Sends one record of each stream besides predictions; the label is of `predictionSeq`. */
  const sendOthers = (seq: number, predictionSeq: number) => {
    test.send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, [feedback(seq, predictionSeq)]));
    test.send('mill-1', 'events', encodeBatch('events', EPOCH, [event(seq)]));
    const metric = { seq, timeMs: 5, name: 'rss', slot: null, value: 1 };
    test.send('mill-1', 'metrics', encodeBatch('metrics', EPOCH, [metric]));
  };
  return { ...test, store, rows, sendOthers };
}

describe('retention at the server', () => {
  it('keeps every record for the configured days, and then deletes it from every table', () => {
    const { send, sendOthers, rows, clock, counters } = setUp();
    send('mill-1', 'predictions', predictionBatch(1, 10));
    sendOthers(1, 1);
    clock.nowMs += 90 * DAY_MS;
    vi.advanceTimersByTime(2 * 3_600_000);
    expect(rows('predictions')).toBe(10);

    clock.nowMs += DAY_MS;
    send('mill-1', 'predictions', predictionBatch(11, 13));
    sendOthers(2, 11);
    vi.advanceTimersByTime(2 * 3_600_000);
    expect(Object.fromEntries([...STREAMS, 'labels'].map((table) => [table, rows(table)]))).toEqual({
      predictions: 3,
      feedback: 1,
      metrics: 1,
      events: 1,
      labels: 1,
    });
    expect(rows('prediction_counts')).toBe(0);
    expect(rows('outcomes_by_minute')).toBe(0);
    expect(rows('outcomes_by_hour')).toBe(0);
    // 10 predictions, a label, three more records and three counts.
    expect(counters.get('retention.deleted')).toBe(17);
  });

  it('goes by when a record came, so that a device whose clock is wrong loses nothing early', () => {
    const { send, rows, clock } = setUp();
    send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, [prediction(1, { timeMs: 0 })]));
    clock.nowMs += 10 * DAY_MS;
    vi.advanceTimersByTime(3_600_000);
    expect(rows('predictions')).toBe(1);
  });

  it('keeps rather too long when the server’s own clock was set back for a while', () => {
    const { send, rows, clock } = setUp();
    send('mill-1', 'predictions', predictionBatch(1, 10));
    clock.nowMs -= 200 * DAY_MS;
    send('mill-1', 'predictions', predictionBatch(11, 20));
    clock.nowMs += 201 * DAY_MS;
    vi.advanceTimersByTime(3_600_000);
    expect(rows('predictions')).toBe(20);
  });

  it('counts the days of what an older server had stored from the update on', () => {
    const folder = temporaryFolder();
    const older = new Database(join(folder, 'server.db'));
    older.exec(migrations[0] ?? '');
    older.exec(`INSERT INTO epochs VALUES (1, 'mill-1', '${EPOCH}')`);
    older.exec("INSERT INTO cursors VALUES (1, 'events', 2, 0)");
    for (const seq of [1, 2])
      older.exec(`INSERT INTO events VALUES (1, ${seq}, 0, 'drift', 'info', NULL, '', '{}')`);
    older.pragma('user_version = 1');
    older.close();
    const store = temporaryStore(folder);
    expect(store.arrivals.deleteSome(Date.now(), 10)).toBe(0);
    expect(store.arrivals.deleteSome(Date.now() + 2 * DAY_MS, 10)).toBe(2);
  });

  it('takes no deleted record a second time', () => {
    const { send, rows, clock, acks } = setUp();
    send('mill-1', 'predictions', predictionBatch(1, 10));
    clock.nowMs += 91 * DAY_MS;
    vi.advanceTimersByTime(3_600_000);
    expect(rows('predictions')).toBe(0);
    send('mill-1', 'predictions', predictionBatch(1, 10));
    expect(acks.at(-1)?.seq).toBe(10);
    expect(rows('predictions')).toBe(0);
  });

  it('deletes a backlog in slices, with ingest between them', () => {
    const { send, rows, clock } = setUp();
    for (let at = 0; at < 5; at++)
      send('mill-1', 'predictions', predictionBatch(at * 1000 + 1, (at + 1) * 1000));
    clock.nowMs += 91 * DAY_MS;
    const left: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      vi.advanceTimersByTime(50);
      left.push(rows('predictions'));
    }
    expect(left).toEqual([3000, 1000, 0, 0]);
    send('mill-1', 'predictions', predictionBatch(5001, 5010));
    expect(rows('predictions')).toBe(10);
  });

  it('tries again after the disk refused, and counts it', () => {
    const { send, rows, clock, store, counters } = setUp();
    send('mill-1', 'predictions', predictionBatch(1, 10));
    clock.nowMs += 91 * DAY_MS;
    const failing = vi.spyOn(store.arrivals, 'deleteSome').mockImplementation(() => {
      throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' });
    });
    vi.advanceTimersByTime(50);
    expect(counters.get('retention.SQLITE_IOERR')).toBe(1);
    failing.mockRestore();
    vi.advanceTimersByTime(3_700_000);
    expect(rows('predictions')).toBe(0);
  });
});
