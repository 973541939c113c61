import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { STREAMS, type Stream } from '../../../protocol/records.ts';
import { birth, EPOCH, ingestOver, predictionBatch, temporaryFolder, temporaryStore } from '../support.ts';

const SECOND = '1111111111111111';
const THIRD = '2222222222222222';

type Inherited = { storeEpoch: string; heads: Record<Stream, number> }[];

function from(storeEpoch: string, predictions: number): Inherited[number] {
  const heads = Object.fromEntries(STREAMS.map((stream) => [stream, 0])) as Record<Stream, number>;
  return { storeEpoch, heads: { ...heads, predictions } };
}

function serverOfTen() {
  const folder = temporaryFolder();
  const store = temporaryStore(folder);
  const ingest = ingestOver(store);
  ingest.send('mill-1', 'predictions', predictionBatch(1, 10));
  const born = (device: string, epoch: string, inherits: Inherited) => {
    ingest.receive(
      `andon/v1/${device}/birth`,
      JSON.stringify({ ...JSON.parse(birth(device, epoch)), inherits }),
    );
    ingest.ingest.flush();
  };
  const committed = (device: string, epoch: string) =>
    store.cursors.ofEpoch(device, epoch).predictions.committedSeq;
  /** Of predictions, where they lie. */
  const rows = () => {
    const db = new Database(join(folder, 'server.db'), { readonly: true });
    const sql = `SELECT epoch, count(*) AS records, max(seq) AS last FROM predictions
      JOIN epochs ON epochs.id = epoch_id GROUP BY epoch_id ORDER BY epoch_id`;
    try {
      return db.prepare(sql).all();
    } finally {
      db.close();
    }
  };
  return { ...ingest, store, born, committed, rows };
}

describe('a database that goes on from another', () => {
  it('has at the server what the other had, so that nothing is taken twice', () => {
    const { born, send, acks, committed } = serverOfTen();
    born('mill-1', SECOND, [from(EPOCH, 12)]);
    expect(committed('mill-1', SECOND)).toBe(10);
    // The device knew of no more than five acknowledgements.
    send('mill-1', 'predictions', predictionBatch(6, 12, 5, SECOND));
    expect(acks.at(-1)).toMatchObject({ storeEpoch: SECOND, seq: 12 });
  });

  it('shares no more with it than was in the copy', () => {
    const { born, committed } = serverOfTen();
    born('mill-1', SECOND, [from(EPOCH, 4)]);
    expect(committed('mill-1', SECOND)).toBe(4);
  });

  it('reaches over one that never spoke to the server', () => {
    const { born, committed } = serverOfTen();
    born('mill-1', THIRD, [from(SECOND, 20), from(EPOCH, 8)]);
    expect(committed('mill-1', THIRD)).toBe(8);
  });

  it('inherits nothing of another device, nor of an epoch that is unknown', () => {
    const { born, committed } = serverOfTen();
    born('mill-2', SECOND, [from(EPOCH, 10)]);
    born('mill-1', THIRD, [from('ffffffffffffffff', 10)]);
    expect([committed('mill-2', SECOND), committed('mill-1', THIRD)]).toEqual([0, 0]);
  });

  it('takes a shared record once, whichever of the two sends it first', () => {
    const { born, send, acks, committed, rows } = serverOfTen();
    born('mill-1', SECOND, [from(EPOCH, 20)]);
    send('mill-1', 'predictions', predictionBatch(11, 14, 0, EPOCH));
    expect(committed('mill-1', SECOND)).toBe(14);
    send('mill-1', 'predictions', predictionBatch(11, 25, 0, SECOND));
    send('mill-1', 'predictions', predictionBatch(15, 20, 0, EPOCH));
    expect(acks.at(-1)).toMatchObject({ storeEpoch: EPOCH, seq: 20 });
    expect(rows()).toEqual([
      { epoch: EPOCH, records: 20, last: 20 },
      { epoch: SECOND, records: 5, last: 25 },
    ]);
  });

  it('shares what it sent with a second one that goes on from the same copy', () => {
    const { born, send, committed, rows } = serverOfTen();
    born('mill-1', SECOND, [from(EPOCH, 20)]);
    send('mill-1', 'predictions', predictionBatch(11, 30, 0, SECOND));
    born('mill-1', THIRD, [from(EPOCH, 20)]);
    expect(committed('mill-1', THIRD)).toBe(20);
    send('mill-1', 'predictions', predictionBatch(21, 25, 0, THIRD));
    expect(rows()).toEqual([
      { epoch: EPOCH, records: 20, last: 20 },
      { epoch: SECOND, records: 10, last: 30 },
      { epoch: THIRD, records: 5, last: 25 },
    ]);
  });

  it('counts what it says it lost of the shared part', () => {
    const { store, born, send } = serverOfTen();
    born('mill-1', SECOND, [from(EPOCH, 20)]);
    send('mill-1', 'predictions', predictionBatch(18, 25, 7, SECOND));
    expect(store.cursors.ofEpoch('mill-1', SECOND).predictions).toEqual({ committedSeq: 25, dropped: 7 });
  });

  it('is believed to go on from itself by nobody', () => {
    const { born, send, acks } = serverOfTen();
    born('mill-1', SECOND, [from(EPOCH, 10), from(SECOND, 10)]);
    born('mill-1', EPOCH, [from(SECOND, 10)]);
    send('mill-1', 'predictions', predictionBatch(1, 12, 0, SECOND), predictionBatch(11, 11, 0, EPOCH));
    expect(acks.slice(-2).map(({ seq }) => seq)).toEqual([12, 11]);
  });

  it('keeps its own what it sent before it said where it comes from', () => {
    const { born, send, committed, rows } = serverOfTen();
    send('mill-1', 'predictions', predictionBatch(1, 30, 0, SECOND));
    born('mill-1', SECOND, [from(EPOCH, 20)]);
    expect(committed('mill-1', SECOND)).toBe(30);
    send('mill-1', 'predictions', predictionBatch(11, 12, 0, EPOCH));
    expect(rows()).toEqual([
      { epoch: EPOCH, records: 12, last: 12 },
      { epoch: SECOND, records: 30, last: 30 },
    ]);
  });

  it('does not go back when it says so again', () => {
    const { born, send, committed } = serverOfTen();
    born('mill-1', SECOND, [from(EPOCH, 10)]);
    send('mill-1', 'predictions', predictionBatch(11, 30, 0, SECOND));
    born('mill-1', SECOND, [from(EPOCH, 10)]);
    expect(committed('mill-1', SECOND)).toBe(30);
  });
});
