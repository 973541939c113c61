import { describe, expect, it } from 'vitest';
import { STREAMS, type Stream } from '../../../protocol/records.ts';
import { birth, EPOCH, ingestOver, predictionBatch, temporaryStore } from '../support.ts';

const SECOND = '1111111111111111';
const THIRD = '2222222222222222';

type Inherited = { storeEpoch: string; heads: Record<Stream, number> }[];

function from(storeEpoch: string, predictions: number): Inherited[number] {
  const heads = Object.fromEntries(STREAMS.map((stream) => [stream, 0])) as Record<Stream, number>;
  return { storeEpoch, heads: { ...heads, predictions } };
}

function serverOfTen() {
  const store = temporaryStore();
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
  return { ...ingest, born, committed };
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

  it('does not go back when it says so again', () => {
    const { born, send, committed } = serverOfTen();
    born('mill-1', SECOND, [from(EPOCH, 10)]);
    send('mill-1', 'predictions', predictionBatch(11, 30, 0, SECOND));
    born('mill-1', SECOND, [from(EPOCH, 10)]);
    expect(committed('mill-1', SECOND)).toBe(30);
  });
});
