/** Promise 3 on the device's side: the cursor follows the server's word and nothing else. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithEachBroker } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { type SyncRig, startSyncRig } from './sync-rig.ts';

describeWithEachBroker('uploading', (startBroker) => {
  let rig: SyncRig;

  beforeEach(async () => {
    rig = await startSyncRig(startBroker);
  });

  afterEach(() => rig.stop());

  const acked = () => rig.device.streams.acked('predictions');
  const seqs = () => (rig.server.committed.get('predictions') ?? []).map(({ seq }) => seq);
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

  it('delivers every record once and in order, and moves the cursor with the acknowledgements', async () => {
    rig.device.record(10_000);
    await rig.device.sync.start();
    await waitFor('all acknowledged', () => acked() === 10_000);
    expect(seqs()).toEqual(upTo(10_000));
    expect(rig.device.sync.status().backlog.predictions).toBe(0);
    expect(rig.device.sync.status().lastAckMs).not.toBeNull();
  });

  it('never moves the cursor while the server says nothing, though the broker took everything', async () => {
    rig.server.answer = () => undefined;
    rig.device.record(100);
    await rig.device.sync.start();
    await waitFor('the server has all', () => seqs().length === 100);
    expect(acked()).toBe(0);
    expect(rig.device.streams.acks).toEqual([]);
    expect(rig.device.sync.status().backlog.predictions).toBe(100);
  });

  it('sends again from the last acknowledged record after a cut', async () => {
    rig.server.answer = (ack) => (ack.seq >= 1000 ? undefined : ack);
    rig.device.record(600);
    await rig.device.sync.start();
    await waitFor('the first records', () => acked() === 600);
    rig.device.record(600);
    await waitFor('the rest arrives', () => seqs().length === 1200);
    rig.server.answer = (ack) => ack;
    rig.proxy.cut();
    await waitFor('the cut heals', () => acked() === 1200);
    expect(rig.server.batches.filter(({ firstSeq }) => firstSeq === 601).length).toBeGreaterThan(1);
    expect(rig.server.batches.filter(({ firstSeq }) => firstSeq === 1)).toHaveLength(1);
    expect(seqs()).toEqual(upTo(1200));
  });

  it('comes through cuts in the middle of a stream without a gap', async () => {
    await rig.device.sync.start();
    for (let round = 1; round <= 5; round++) {
      rig.device.record(3000);
      await waitFor('some progress', () => acked() > (round - 1) * 3000);
      rig.proxy.cut();
    }
    await waitFor('all acknowledged', () => acked() === 15_000);
    expect(seqs()).toEqual(upTo(15_000));
  });

  it('sends what a server that was set back to an older state misses, and declares what is gone', async () => {
    rig.device.record(300);
    await rig.device.sync.start();
    await waitFor('all acknowledged', () => acked() === 300);
    rig.device.streams.drop('predictions', 1, 200);
    rig.server.setCursor(rig.device.epoch, 'predictions', 100);
    rig.server.committed.clear();
    rig.device.record(1);
    await waitFor('the server caught up', () => rig.server.cursor(rig.device.epoch, 'predictions') === 301);
    expect(seqs()).toEqual(upTo(301).slice(200));
    expect(rig.server.batches.at(-1)).toMatchObject({ firstSeq: 201, gapBefore: 100 });
  });

  it('declares what retention dropped as a gap, before a batch or in it', async () => {
    rig.device.record(100);
    rig.device.streams.drop('predictions', 1, 10);
    rig.device.streams.drop('predictions', 41, 60);
    await rig.device.sync.start();
    await waitFor('all acknowledged', () => acked() === 100);
    expect(rig.server.batches).toMatchObject([{ firstSeq: 11, gapBefore: 10, count: 70 }]);
    expect(seqs()).toEqual(upTo(100).filter((seq) => seq > 60 || (seq > 10 && seq <= 40)));
  });

  it('goes on after retention dropped all that was left', async () => {
    rig.device.record(10);
    rig.device.streams.drop('predictions', 6, 10);
    await rig.device.sync.start();
    await waitFor('nothing left to send', () => acked() === 10);
    rig.device.record(1);
    await waitFor('the next', () => acked() === 11);
    expect(rig.server.batches.at(-1)).toMatchObject({ firstSeq: 11, gapBefore: 5, count: 1 });
  });

  it('does nothing at all while there is nothing to do', async () => {
    rig.device.record(10);
    await rig.device.sync.start();
    await waitFor('acknowledged', () => acked() === 10);
    const reads = rig.device.streams.reads;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(rig.device.streams.reads).toBe(reads);
  });

  it.each([
    ['of another store epoch', { storeEpoch: 'f'.repeat(16) }],
    ['beyond the newest record', { seq: 1_000_000 }],
    ['of another stream', { stream: 'metrics' }],
  ])('refuses an acknowledgement %s', async (_, wrong) => {
    rig.server.answer = (ack) => ({ ...ack, ...wrong }) as typeof ack;
    const topic = `andon/v1/${rig.device.id}/ack/predictions`;
    rig.device.record(10);
    await rig.device.sync.start();
    await waitFor('a batch', () => rig.server.batches.length > 0);
    await rig.server.publish(
      topic,
      JSON.stringify({ v: 1, storeEpoch: rig.device.epoch, stream: 'predictions', seq: 10, ...wrong }),
    );
    await waitFor('refused', () => rig.device.counters.get('ACK_REFUSED') > 0);
    expect(acked()).toBe(0);
  });

  it('counts an acknowledgement that comes twice as nothing new', async () => {
    rig.device.record(10);
    await rig.device.sync.start();
    await waitFor('acknowledged', () => acked() === 10);
    const again = JSON.stringify({ v: 1, storeEpoch: rig.device.epoch, stream: 'predictions', seq: 10 });
    for (let i = 0; i < 5; i++) await rig.server.publish(`andon/v1/${rig.device.id}/ack/predictions`, again);
    rig.device.record(1);
    await waitFor('acknowledged', () => acked() === 11);
    expect(rig.server.batches).toHaveLength(2);
  });

  it('lets events pass a backlog of 50,000 predictions', async () => {
    rig.proxy.delay(5);
    rig.device.record(50_000);
    await rig.device.sync.start();
    await waitFor('the backlog drains', () => acked() > 0);
    rig.device.recordEvents(1);
    await waitFor('the event is acknowledged', () => rig.device.streams.acked('events') === 1);
    const { acks } = rig.device.streams;
    const before = acks.slice(
      0,
      acks.findIndex(({ stream }) => stream === 'events'),
    );
    expect(Math.max(...before.map(({ seq }) => seq))).toBeLessThan(50_000);
    await waitFor('the backlog is gone', () => acked() === 50_000, 15_000);
    expect(seqs()).toEqual(upTo(50_000));
  });

  it('splits what does not fit in one message', async () => {
    let noise = 1;
    const random = () => {
      noise = (noise * 48_271) % 2_147_483_647;
      return noise / 2_147_483_647;
    };
    const rows = 2000;
    for (let i = 0; i < rows; i++) rig.device.record(1, { features: Array.from({ length: 64 }, random) });
    await rig.device.sync.start();
    await waitFor('all acknowledged', () => acked() === rows);
    expect(seqs()).toEqual(upTo(rows));
    expect(Math.max(...rig.server.batches.map(({ count }) => count))).toBeLessThan(600);
  });

  it('keeps back a record that no server would take, and goes on with the next', async () => {
    rig.device.recordEvents(2);
    rig.device.recordEvents(1, { message: 'x'.repeat(5000) });
    rig.device.recordEvents(2);
    await rig.device.sync.start();
    await waitFor('the others', () => rig.device.streams.acked('events') === 5);
    expect(rig.server.committed.get('events')?.map(({ seq }) => seq)).toEqual([1, 2, 4, 5]);
    expect(rig.device.counters.get('PAYLOAD_MALFORMED')).toBe(1);
    expect(rig.server.malformed).toBe(0);
  });
});
