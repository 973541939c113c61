/** Promise 3 on the device's side: the cursor follows the server's word and nothing else. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithEachBroker, type TestBroker } from '../../support/brokers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

describeWithEachBroker('uploading', (startBroker) => {
  let broker: TestBroker;
  let proxy: TcpProxy;
  let server: FakeServer;
  let device: TestDevice;

  beforeEach(async () => {
    broker = await startBroker();
    proxy = await new TcpProxy(broker.port).start();
    server = await new FakeServer().start(broker.url);
    device = new TestDevice({ broker: proxy.url });
  });

  afterEach(async () => {
    await device.stop();
    await server.stop();
    await proxy.stop();
    await broker.stop();
  });

  const acked = () => device.streams.acked('predictions');
  const seqs = () => (server.committed.get('predictions') ?? []).map(({ seq }) => seq);
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

  it('delivers every record once and in order, and moves the cursor with the acknowledgements', async () => {
    device.record(10_000);
    await device.sync.start();
    await waitFor('all acknowledged', () => acked() === 10_000);
    expect(seqs()).toEqual(upTo(10_000));
    expect(device.sync.status().backlog.predictions).toBe(0);
    expect(device.sync.status().lastAckMs).not.toBeNull();
  });

  it('never moves the cursor while the server says nothing, though the broker took everything', async () => {
    server.answer = () => undefined;
    device.record(100);
    await device.sync.start();
    await waitFor('the server has all', () => seqs().length === 100);
    expect(acked()).toBe(0);
    expect(device.streams.acks).toEqual([]);
    expect(device.sync.status().backlog.predictions).toBe(100);
  });

  it('sends again from the last acknowledged record after a cut', async () => {
    server.answer = (ack) => (ack.seq >= 1000 ? undefined : ack);
    device.record(600);
    await device.sync.start();
    await waitFor('the first records', () => acked() === 600);
    device.record(600);
    await waitFor('the rest arrives', () => seqs().length === 1200);
    server.answer = (ack) => ack;
    proxy.cut();
    await waitFor('the cut heals', () => acked() === 1200);
    expect(server.batches.filter(({ firstSeq }) => firstSeq === 601).length).toBeGreaterThan(1);
    expect(server.batches.filter(({ firstSeq }) => firstSeq === 1)).toHaveLength(1);
    expect(seqs()).toEqual(upTo(1200));
  });

  it('comes through cuts in the middle of a stream without a gap', async () => {
    await device.sync.start();
    for (let round = 1; round <= 5; round++) {
      device.record(3000);
      await waitFor('some progress', () => acked() > (round - 1) * 3000);
      proxy.cut();
    }
    await waitFor('all acknowledged', () => acked() === 15_000);
    expect(seqs()).toEqual(upTo(15_000));
  });

  it('sends what a server that was set back to an older state misses, and declares what is gone', async () => {
    device.record(300);
    await device.sync.start();
    await waitFor('all acknowledged', () => acked() === 300);
    device.streams.drop('predictions', 1, 200);
    server.setCursor(device.epoch, 'predictions', 100);
    server.committed.clear();
    device.record(1);
    await waitFor('the server caught up', () => server.cursor(device.epoch, 'predictions') === 301);
    expect(seqs()).toEqual(upTo(301).slice(200));
    expect(server.batches.at(-1)).toMatchObject({ firstSeq: 201, gapBefore: 100 });
  });

  it('declares what retention dropped as a gap, before a batch or in it', async () => {
    device.record(100);
    device.streams.drop('predictions', 1, 10);
    device.streams.drop('predictions', 41, 60);
    await device.sync.start();
    await waitFor('all acknowledged', () => acked() === 100);
    expect(server.batches).toMatchObject([{ firstSeq: 11, gapBefore: 10, count: 70 }]);
    expect(seqs()).toEqual(upTo(100).filter((seq) => seq > 60 || (seq > 10 && seq <= 40)));
  });

  it('goes on after retention dropped all that was left', async () => {
    device.record(10);
    device.streams.drop('predictions', 6, 10);
    await device.sync.start();
    await waitFor('nothing left to send', () => acked() === 10);
    device.record(1);
    await waitFor('the next', () => acked() === 11);
    expect(server.batches.at(-1)).toMatchObject({ firstSeq: 11, gapBefore: 5, count: 1 });
  });

  it('does nothing at all while there is nothing to do', async () => {
    device.record(10);
    await device.sync.start();
    await waitFor('acknowledged', () => acked() === 10);
    const reads = device.streams.reads;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(device.streams.reads).toBe(reads);
  });

  it.each([
    ['of another store epoch', { storeEpoch: 'f'.repeat(16) }],
    ['beyond the newest record', { seq: 1_000_000 }],
    ['of another stream', { stream: 'metrics' }],
  ])('refuses an acknowledgement %s', async (_, wrong) => {
    server.answer = (ack) => ({ ...ack, ...wrong }) as typeof ack;
    const topic = `andon/v1/${device.id}/ack/predictions`;
    device.record(10);
    await device.sync.start();
    await waitFor('a batch', () => server.batches.length > 0);
    await server.publish(
      topic,
      JSON.stringify({ v: 1, storeEpoch: device.epoch, stream: 'predictions', seq: 10, ...wrong }),
    );
    await waitFor('refused', () => device.counters.get('ACK_REFUSED') > 0);
    expect(acked()).toBe(0);
  });

  it('counts an acknowledgement that comes twice as nothing new', async () => {
    device.record(10);
    await device.sync.start();
    await waitFor('acknowledged', () => acked() === 10);
    const again = JSON.stringify({ v: 1, storeEpoch: device.epoch, stream: 'predictions', seq: 10 });
    for (let i = 0; i < 5; i++) await server.publish(`andon/v1/${device.id}/ack/predictions`, again);
    device.record(1);
    await waitFor('acknowledged', () => acked() === 11);
    expect(server.batches).toHaveLength(2);
  });

  it('lets events pass a backlog of 50,000 predictions', async () => {
    proxy.delay(5);
    device.record(50_000);
    await device.sync.start();
    await waitFor('the backlog drains', () => acked() > 0);
    device.recordEvents(1);
    await waitFor('the event is acknowledged', () => device.streams.acked('events') === 1);
    const { acks } = device.streams;
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
    for (let i = 0; i < rows; i++) device.record(1, { features: Array.from({ length: 64 }, random) });
    await device.sync.start();
    await waitFor('all acknowledged', () => acked() === rows);
    expect(seqs()).toEqual(upTo(rows));
    expect(Math.max(...server.batches.map(({ count }) => count))).toBeLessThan(600);
  });

  it('keeps back a record that no server would take, and goes on with the next', async () => {
    device.recordEvents(2);
    device.recordEvents(1, { message: 'x'.repeat(5000) });
    device.recordEvents(2);
    await device.sync.start();
    await waitFor('the others', () => device.streams.acked('events') === 5);
    expect(server.committed.get('events')?.map(({ seq }) => seq)).toEqual([1, 2, 4, 5]);
    expect(device.counters.get('PAYLOAD_MALFORMED')).toBe(1);
    expect(server.malformed).toBe(0);
  });
});
