/** What is lost behind a broker that took it, and what is merely slow: told apart by time, so it takes seconds and runs on one broker. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startAedes, type TestBroker } from '../../support/brokers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

describe('uploading where messages get lost or late', () => {
  let broker: TestBroker;
  let server: FakeServer;
  let device: TestDevice;

  beforeEach(async () => {
    broker = await startAedes();
    server = await new FakeServer().start(broker.url);
    device = new TestDevice({ broker: broker.url });
  });

  afterEach(async () => {
    await device.stop();
    await server.stop();
    await broker.stop();
  });

  const acked = () => device.streams.acked('predictions');
  const seqs = () => (server.committed.get('predictions') ?? []).map(({ seq }) => seq);
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

  it('sends again when the server asks for records that were lost on the way to it', async () => {
    let lost = 0;
    server.takes = ({ firstSeq }) => firstSeq === 1 || lost++ > 0;
    device.record(5000);
    await device.sync.start();
    await waitFor('all acknowledged', () => acked() === 5000);
    expect(lost).toBeGreaterThan(1);
    expect(seqs()).toEqual(upTo(5000));
  });

  it('sends again after a while when acknowledgements are lost', async () => {
    device.record(10);
    await device.sync.start();
    await waitFor('the line is known', () => acked() === 10);
    let answers = 0;
    server.answer = (ack) => (answers++ === 0 ? undefined : ack);
    device.record(10);
    await waitFor('acknowledged at last', () => acked() === 20);
    expect(server.batches.map(({ firstSeq }) => firstSeq)).toEqual([1, 11, 11]);
    expect(device.counters.get('sync.sent-again')).toBe(1);
  });

  it('finds the prediction that the server cannot read, and goes on without it', async () => {
    device.record(1);
    await device.sync.start();
    await waitFor('the line is known', () => acked() === 1);
    device.record(19);
    device.record(1, { score: Number.NaN });
    device.record(20);
    await waitFor('the others', () => acked() === 41);
    expect(seqs()).toEqual(upTo(41).filter((seq) => seq !== 21));
  });

  it('sends nothing twice because a line is slow, and does not keep an event waiting behind it', async () => {
    const proxy = await new TcpProxy(broker.port).start();
    proxy.delay(100);
    proxy.throttle(60_000);
    const slow = new TestDevice({ broker: proxy.url });
    const rows = 800;
    for (let i = 0; i < rows; i++) slow.record(1, { features: Array.from({ length: 64 }, Math.random) });
    await slow.sync.start();
    await waitFor('the first batch is on the way', () => slow.counters.get('sync.bytes-sent') > 0);
    slow.recordEvents(1);
    await waitFor('the event', () => slow.streams.acked('events') === 1);
    expect(slow.streams.acked('predictions')).toBeLessThan(rows);
    await waitFor('all acknowledged', () => slow.streams.acked('predictions') === rows);
    const sent = server.batches.filter(({ stream }) => stream === 'predictions');
    expect(sent.reduce((sum, { count }) => sum + count, 0)).toBe(rows);
    await slow.stop();
    await proxy.stop();
  });
});
