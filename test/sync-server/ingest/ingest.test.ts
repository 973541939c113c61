import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, vi } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import { topics } from '../../../protocol/topics.ts';
import { openServerStore } from '../../../sync-server/store/server-store.ts';
import {
  birth,
  EPOCH,
  event,
  feedback,
  ingestOver,
  prediction,
  predictionBatch,
  reported,
  SOON,
  temporaryFolder,
  temporaryStore,
} from '../support.ts';

function rows(folder: string, sql: string): unknown[] {
  const db = new Database(join(folder, 'server.db'), { readonly: true });
  try {
    return db.prepare(sql).raw().all();
  } finally {
    db.close();
  }
}

describe('ingest of batches', () => {
  it('acknowledges only what is on disk', () => {
    const folder = temporaryFolder();
    const { ingest, receive, acks, clock } = ingestOver(temporaryStore(folder));
    receive(topics.birth('mill-1'), birth('mill-1'));
    receive(topics.up('mill-1', 'predictions'), predictionBatch(1, 100));
    expect(acks).toEqual([]);
    ingest.flush();
    expect(acks).toEqual([
      { device: 'mill-1', v: 1, storeEpoch: EPOCH, stream: 'predictions', seq: 100, timeMs: clock.nowMs },
    ]);
    // Seen by another connection: committed.
    expect(rows(folder, 'SELECT count(*) FROM predictions')).toEqual([[100]]);
  });

  it('commits what arrived together at once, without being told', async () => {
    const folder = temporaryFolder();
    const { receive, acks } = ingestOver(temporaryStore(folder));
    receive(topics.up('mill-1', 'predictions'), predictionBatch(1, 10));
    receive(topics.up('mill-2', 'predictions'), predictionBatch(1, 10));
    await vi.waitFor(() => expect(acks.map((ack) => ack.device)).toEqual(['mill-1', 'mill-2']), SOON);
  });

  it('keeps every value of every stream', () => {
    const folder = temporaryFolder();
    const { send } = ingestOver(temporaryStore(folder));
    const features = [1.5, -2];
    send(
      'mill-1',
      'predictions',
      encodeBatch('predictions', EPOCH, [prediction(1, { features, health: 5 })]),
    );
    send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, [feedback(1, 1)]));
    send('mill-1', 'events', encodeBatch('events', EPOCH, [event(1)]));
    send(
      'mill-1',
      'metrics',
      encodeBatch('metrics', EPOCH, [{ seq: 1, timeMs: 5, name: 'rss', slot: null, value: 1e6 }]),
    );
    expect(
      rows(
        folder,
        `SELECT seq, run, slot, role, time_ms, correlation_id, label, score, latency_us, health, pair_of, hex(features)
         FROM predictions JOIN contexts ON contexts.id = context_id`,
      ),
    ).toEqual([
      [
        1,
        '0123abcd',
        'machine-failure',
        'champion',
        1_700_000_000_001,
        'part-1',
        0,
        0.25,
        200,
        5,
        0,
        '0000C03F000000C0',
      ],
    ]);
    expect(rows(folder, 'SELECT prediction_seq, label, weight, kind FROM labels')).toEqual([
      [1, 0, 1, 'implicit'],
    ]);
    expect(rows(folder, 'SELECT kind, severity, message, data FROM events')).toEqual([
      ['drift', 'warning', 'air temperature drifts', '{"psi":0.4}'],
    ]);
    expect(rows(folder, 'SELECT name, slot, value FROM metrics')).toEqual([['rss', null, 1e6]]);
  });

  it('acknowledges a repeated batch again and stores it once', () => {
    const folder = temporaryFolder();
    const { send, acks } = ingestOver(temporaryStore(folder));
    const batch = predictionBatch(1, 50);
    send('mill-1', 'predictions', batch, batch);
    send('mill-1', 'predictions', predictionBatch(30, 60));
    expect(acks.map((ack) => ack.seq)).toEqual([50, 50, 60]);
    expect(rows(folder, 'SELECT count(*), max(seq) FROM predictions')).toEqual([[60, 60]]);
  });

  it('asks to send again from the cursor when a batch was lost on the way', () => {
    const store = temporaryStore();
    const { send, acks, counters } = ingestOver(store);
    send('mill-1', 'predictions', predictionBatch(1, 10), predictionBatch(21, 30));
    expect(acks.map((ack) => ack.seq)).toEqual([10, 10]);
    expect(counters.get('BATCH_GAP')).toBe(1);
    expect(store.deadLetters.newest(10)).toEqual([]);
  });

  it('takes a gap that the device declares, and counts it', () => {
    const store = temporaryStore();
    const { send, acks } = ingestOver(store);
    send('mill-1', 'predictions', predictionBatch(1, 10), predictionBatch(21, 30, 10));
    expect(acks.at(-1)?.seq).toBe(30);
    expect(store.cursors.ofEpoch('mill-1', EPOCH).predictions).toMatchObject({
      committedSeq: 30,
      dropped: 10,
    });
  });

  it('begins again at 1 for a new device database', () => {
    const folder = temporaryFolder();
    const { send, acks } = ingestOver(temporaryStore(folder));
    send('mill-1', 'predictions', predictionBatch(1, 10));
    send('mill-1', 'predictions', predictionBatch(1, 5, 0, 'ffffffffffffffff'));
    expect(acks.map((ack) => [ack.storeEpoch, ack.seq])).toEqual([
      [EPOCH, 10],
      ['ffffffffffffffff', 5],
    ]);
    expect(rows(folder, 'SELECT count(*) FROM predictions')).toEqual([[15]]);
  });

  it('goes on where it was after a restart', () => {
    const folder = temporaryFolder();
    const first = openServerStore(folder);
    ingestOver(first).send('mill-1', 'predictions', predictionBatch(1, 10));
    first.close();
    const { send, acks } = ingestOver(temporaryStore(folder));
    send('mill-1', 'predictions', predictionBatch(1, 20));
    expect(acks.map((ack) => ack.seq)).toEqual([20]);
    expect(rows(folder, 'SELECT count(*) FROM predictions')).toEqual([[20]]);
  });

  it('acknowledges nothing when the disk is full, and takes the same batches later', () => {
    const folder = temporaryFolder();
    const store = temporaryStore(folder);
    const { send, acks, counters } = ingestOver(store);
    const real = store.cursors.advance.bind(store.cursors);
    const failing = vi.spyOn(store.cursors, 'advance').mockImplementation((...batch) => {
      real(...batch);
      throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    });
    send('mill-1', 'predictions', predictionBatch(1, 10));
    expect(acks).toEqual([]);
    expect(counters.get('STORE_UNWRITABLE')).toBe(1);
    failing.mockRestore();
    send('mill-1', 'predictions', predictionBatch(1, 10));
    expect(acks.map((ack) => ack.seq)).toEqual([10]);
    expect(rows(folder, 'SELECT count(*), count(DISTINCT context_id) FROM predictions')).toEqual([[10, 1]]);
    expect(
      rows(folder, 'SELECT count(*) FROM contexts JOIN predictions ON contexts.id = context_id'),
    ).toEqual([[10]]);
  });
});

describe('a database that the server does not know', () => {
  const OTHER = '1111111111111111';

  it('is not heard before its birth, when its device says births: it may go on from one whose records are here', () => {
    const store = temporaryStore();
    const { ingest, receive, send, acks, counters } = ingestOver(store);
    receive(topics.birth('mill-1'), birth('mill-1'));
    send('mill-1', 'predictions', predictionBatch(1, 10), predictionBatch(1, 10, 0, OTHER));
    expect(acks.at(-1)).toMatchObject({ storeEpoch: OTHER, seq: 0, wantsBirth: true });
    expect(counters.get('EPOCH_UNBORN')).toBe(1);
    expect(store.deadLetters.newest(10)).toEqual([]);
    expect(store.cursors.knownId('mill-1', OTHER)).toBeUndefined();
    receive(topics.birth('mill-1'), birth('mill-1', OTHER));
    ingest.flush();
    send('mill-1', 'predictions', predictionBatch(1, 10, 0, OTHER));
    expect(acks.at(-1)).toEqual(expect.objectContaining({ storeEpoch: OTHER, seq: 10 }));
    expect(acks.at(-1)).not.toHaveProperty('wantsBirth');
  });

  it('is taken from a client that never says a birth, which is asked for one', () => {
    const { send, acks } = ingestOver(temporaryStore());
    send('mill-1', 'predictions', predictionBatch(1, 10), predictionBatch(1, 10, 0, OTHER));
    expect(acks).toMatchObject([
      { storeEpoch: EPOCH, seq: 10, wantsBirth: true },
      { storeEpoch: OTHER, seq: 10, wantsBirth: true },
    ]);
  });

  it('asks for the birth again when an older one came late', () => {
    const { ingest, receive, send, acks } = ingestOver(temporaryStore());
    receive(topics.birth('mill-1'), birth('mill-1', OTHER));
    send('mill-1', 'predictions', predictionBatch(1, 10, 0, OTHER));
    expect(acks.at(-1)).not.toHaveProperty('wantsBirth');
    receive(topics.birth('mill-1'), birth('mill-1'), true);
    ingest.flush();
    send('mill-1', 'predictions', predictionBatch(11, 20, 0, OTHER));
    expect(acks.at(-1)).toMatchObject({ storeEpoch: OTHER, seq: 20, wantsBirth: true });
  });
});

describe('messages that cannot be taken', () => {
  const good = predictionBatch(1, 10);
  const flipped = Buffer.from(good);
  flipped.writeUInt8(99, 1);
  const cases: [string, string, Buffer, string][] = [
    ['garbage', topics.up('mill-1', 'predictions'), Buffer.from('hello'), 'PAYLOAD_TRUNCATED'],
    ['a cut batch', topics.up('mill-1', 'predictions'), good.subarray(0, 60), 'PAYLOAD_TRUNCATED'],
    ['an empty batch', topics.up('mill-1', 'predictions'), Buffer.alloc(0), 'PAYLOAD_TRUNCATED'],
    ['a newer version', topics.up('mill-1', 'predictions'), flipped, 'PAYLOAD_VERSION_UNKNOWN'],
    ['another stream’s batch', topics.up('mill-1', 'events'), good, 'TOPIC_MISMATCH'],
    ['another device’s birth', topics.birth('mill-2'), Buffer.from(birth('mill-1')), 'TOPIC_MISMATCH'],
    [
      'another device’s state',
      topics.reported('mill-2'),
      Buffer.from(JSON.stringify(reported('mill-1'))),
      'TOPIC_MISMATCH',
    ],
    ['a birth that is not JSON', topics.birth('mill-1'), Buffer.from('{'), 'PAYLOAD_MALFORMED'],
    [
      'a want of nothing',
      topics.want('mill-1'),
      Buffer.from('{"v":1,"device":"mill-1","chunks":[]}'),
      'PAYLOAD_MALFORMED',
    ],
  ];

  it.each(cases)(
    'keeps %s as a dead letter, counts it and acknowledges nothing',
    (_name, topic, payload, code) => {
      const store = temporaryStore();
      const { receive, ingest, acks, counters } = ingestOver(store);
      receive(topic, payload);
      ingest.flush();
      expect(acks).toEqual([]);
      expect(counters.snapshot()).toEqual({ [code]: 1 });
      expect(store.deadLetters.newest(10)).toMatchObject([{ topic, code, sizeBytes: payload.length }]);
      expect(store.devices.all()).toEqual([]);
    },
  );

  it('does not hold up the good messages beside it', () => {
    const { send, receive, acks } = ingestOver(temporaryStore());
    receive(topics.up('mill-1', 'predictions'), 'garbage');
    send('mill-2', 'predictions', predictionBatch(1, 10));
    expect(acks.map((ack) => [ack.device, ack.seq])).toEqual([['mill-2', 10]]);
  });

  it('does not hold up the others when a message fails in a way that nobody foresaw', () => {
    const store = temporaryStore();
    const { send, receive, acks, counters } = ingestOver(store);
    const born = store.devices.born.bind(store.devices);
    vi.spyOn(store.devices, 'born').mockImplementation((of) => {
      born(of);
      if (of.device === 'mill-9') throw new TypeError('a bug of ours');
    });
    receive(topics.birth('mill-9'), birth('mill-9'));
    receive(topics.birth('mill-1'), birth('mill-1'));
    send('mill-2', 'predictions', predictionBatch(1, 10));
    expect(acks.map((ack) => [ack.device, ack.seq])).toEqual([['mill-2', 10]]);
    expect(store.devices.all().map(({ id }) => id)).toEqual(['mill-1', 'mill-2']);
    expect(counters.snapshot()).toEqual({ STORE_UNWRITABLE: 1 });
  });

  it('answers every message that it stored, also when the answer to one fails', () => {
    const store = temporaryStore();
    const { births, receive, send, acks, counters } = ingestOver(store);
    vi.spyOn(births, 'push').mockImplementation(() => {
      throw new Error('cannot read the desired state');
    });
    receive(topics.birth('mill-1'), birth('mill-1'));
    send('mill-1', 'predictions', predictionBatch(1, 10));
    expect(acks.map((ack) => ack.seq)).toEqual([10]);
    expect(counters.snapshot()).toEqual({ 'ingest.UNEXPECTED': 1 });
  });

  it('leaves nothing of a refused batch behind, not even the name of its store', () => {
    const folder = temporaryFolder();
    const { receive, ingest, send, acks } = ingestOver(temporaryStore(folder));
    const spoilt = predictionBatch(1, 10);
    spoilt.fill(0xff, 36);
    receive(topics.up('mill-1', 'predictions'), spoilt);
    send('mill-1', 'predictions', predictionBatch(21, 30));
    ingest.flush();
    expect(acks).toMatchObject([{ seq: 0 }]);
    expect(rows(folder, 'SELECT count(*) FROM epochs')).toEqual([[0]]);
    expect(rows(folder, 'SELECT count(*) FROM cursors')).toEqual([[0]]);
  });

  it('lets no device move another one’s cursor by naming its store', () => {
    const store = temporaryStore();
    const { send } = ingestOver(store);
    send('mill-1', 'predictions', predictionBatch(1, 10));
    send('mill-2', 'predictions', predictionBatch(1, 50));
    expect(store.cursors.ofEpoch('mill-1', EPOCH).predictions.committedSeq).toBe(10);
  });

  it('counts topics that are none of ours', () => {
    const { receive, counters } = ingestOver(temporaryStore());
    receive('andon/v1/mill-1/nonsense', 'x');
    receive('andon/v1/UPPER/birth', 'x');
    expect(counters.snapshot()).toEqual({ TOPIC_UNKNOWN: 2 });
  });
});

describe('what devices say of themselves', () => {
  it('knows a device from its birth on', () => {
    const store = temporaryStore();
    const { receive, ingest, births, clock } = ingestOver(store);
    receive(topics.birth('mill-1'), birth('mill-1'));
    ingest.flush();
    expect(births).toEqual(['mill-1']);
    expect(store.devices.of('mill-1')).toMatchObject({
      agentVersion: '0.1.0',
      labels: { line: 'north' },
      gone: false,
      lastSeenMs: clock.nowMs,
    });
  });

  it('believes a goodbye until the device speaks again', () => {
    const store = temporaryStore();
    const { receive, ingest, send } = ingestOver(store);
    receive(topics.birth('mill-1'), birth('mill-1'));
    receive(topics.gone('mill-1'), '{"v":1,"device":"mill-1"}');
    ingest.flush();
    expect(store.devices.of('mill-1')?.gone).toBe(true);
    send('mill-1', 'predictions', predictionBatch(1, 2));
    expect(store.devices.of('mill-1')?.gone).toBe(false);
  });

  it('takes nothing that the broker kept as a sign of life', () => {
    const store = temporaryStore();
    const { receive, ingest } = ingestOver(store);
    receive(topics.birth('mill-1'), birth('mill-1'), true);
    receive(topics.reported('mill-1'), JSON.stringify(reported('mill-1')), true);
    ingest.flush();
    expect(store.devices.all()).toMatchObject([{ id: 'mill-1', lastSeenMs: 0 }]);
  });

  it('believes a goodbye that the broker kept, and takes no notice when it is taken back', () => {
    const store = temporaryStore();
    const { receive, ingest } = ingestOver(store);
    receive(topics.birth('mill-1'), birth('mill-1'));
    receive(topics.gone('mill-1'), '{"v":1,"device":"mill-1"}', true);
    receive(topics.gone('mill-1'), '', false);
    ingest.flush();
    expect(store.devices.of('mill-1')?.gone).toBe(true);
  });

  it('keeps the newest reported state', () => {
    const store = temporaryStore();
    const { receive, ingest } = ingestOver(store);
    receive(topics.reported('mill-1'), JSON.stringify(reported('mill-1', { generation: 1 })));
    receive(topics.reported('mill-1'), JSON.stringify(reported('mill-1', { generation: 2 })));
    ingest.flush();
    expect(store.devices.of('mill-1')?.reported?.generation).toBe(2);
  });

  it('passes on which chunks a device misses', () => {
    const { receive, ingest, wants } = ingestOver(temporaryStore());
    const chunk = 'd'.repeat(64);
    receive(topics.want('mill-1'), JSON.stringify({ v: 1, device: 'mill-1', chunks: [chunk] }));
    ingest.flush();
    expect(wants).toEqual([chunk]);
  });
});
