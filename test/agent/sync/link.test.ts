/** The link comes back from everything and says who is there. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithEachBroker, type TestBroker } from '../../support/brokers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

describeWithEachBroker('the link', (startBroker) => {
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

  const connected = () => device.sync.status().connected;

  it('announces the device with a retained birth and reports what runs', async () => {
    await device.sync.start();
    await waitFor('born', () => server.births.length > 0 && server.reported.length > 0);
    expect(server.births[0]).toMatchObject({
      device: device.id,
      storeEpoch: device.epoch,
      labels: { site: 'north' },
      slots: ['inspect', 'secret'],
    });
    expect(server.reported[0]).toMatchObject({ generation: 0, backlog: { predictions: 0, events: 0 } });
    const late = await new FakeServer().start(broker.url);
    await waitFor('retained', () => late.births.length === 1 && late.reported.length === 1);
    expect(late.gone).toEqual([]);
    await late.stop();
  });

  it('leaves a will that speaks when the line breaks, and takes it back on return', async () => {
    await device.sync.start();
    await waitFor('up', connected);
    proxy.refuse(true);
    proxy.cut();
    await waitFor('missed', () => server.gone.length === 1);
    await waitFor('seen on the device', () => !connected());
    proxy.refuse(false);
    await waitFor('back', connected);
    const late = await new FakeServer().start(broker.url);
    await waitFor('born', () => late.births.length === 1);
    expect(late.gone).toEqual([]);
    await late.stop();
  });

  it('says good-bye when it is stopped', async () => {
    await device.sync.start();
    await waitFor('up', connected);
    await device.sync.stop();
    await waitFor('gone', () => server.gone.length === 1);
    expect(connected()).toBe(false);
    expect(device.counters.snapshot()).toEqual({});
  });

  it('keeps trying while nobody answers, and counts it', async () => {
    proxy.refuse(true);
    await device.sync.start();
    await waitFor('several attempts', () => device.counters.get('BROKER_UNREACHABLE') >= 3);
    proxy.refuse(false);
    await waitFor('up', connected);
  });

  it('comes back when the broker itself was restarted', async () => {
    await device.sync.start();
    await waitFor('up', connected);
    await broker.restart();
    await waitFor('down', () => device.counters.get('LINK_CUT') > 0);
    await waitFor('up again', connected);
  });

  it('stays away while it is held, however long, and returns when released', async () => {
    await device.sync.start();
    await waitFor('up', connected);
    const { sinceMs } = device.sync.status();
    device.sync.cut(true);
    expect(connected()).toBe(false);
    await waitFor('the server sees it', () => server.gone.length === 1);
    const before = proxy.connections;
    device.record(100);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(proxy.connections).toBe(before);
    expect(device.sync.status().backlog.predictions).toBe(100);
    device.sync.cut(false);
    await waitFor('drained', () => device.sync.status().backlog.predictions === 0);
    expect(device.sync.status().sinceMs).toBeGreaterThanOrEqual(sinceMs);
  });

  it('connects though the folder of its chunks cannot be read, and counts it', async () => {
    writeFileSync(join(device.dataDir, 'chunks'), 'a file in place of the folder');
    await device.sync.start();
    await waitFor('up', connected);
    expect(device.counters.get('ENOTDIR')).toBe(1);
  });

  it('stops without waiting for a cable that is pulled', async () => {
    await device.sync.start();
    await waitFor('up', connected);
    device.record(50_000);
    proxy.silence(true);
    const startMs = performance.now();
    await device.sync.stop();
    // Two seconds of patience; the keep-alive alone would take 30.
    expect(performance.now() - startMs).toBeLessThan(15_000);
  });
});
