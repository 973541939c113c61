/** The link comes back from everything and says who is there. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithEachBroker } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { FakeServer } from './fake-server.ts';
import { type SyncRig, startSyncRig } from './sync-rig.ts';

describeWithEachBroker('the link', (startBroker) => {
  let rig: SyncRig;

  beforeEach(async () => {
    rig = await startSyncRig(startBroker);
  });

  afterEach(() => rig.stop());

  const connected = () => rig.device.sync.status().connected;

  it('announces the device with a retained birth and reports what runs', async () => {
    await rig.device.sync.start();
    await waitFor('born', () => rig.server.births.length > 0 && rig.server.reported.length > 0);
    expect(rig.server.births[0]).toMatchObject({
      device: rig.device.id,
      storeEpoch: rig.device.epoch,
      labels: { site: 'north' },
      slots: ['inspect', 'secret'],
    });
    expect(rig.server.reported[0]).toMatchObject({ generation: 0, backlog: { predictions: 0, events: 0 } });
    const late = await new FakeServer().start(rig.broker.url);
    await waitFor('retained', () => late.births.length === 1 && late.reported.length === 1);
    expect(late.gone).toEqual([]);
    await late.stop();
  });

  it('leaves a will that speaks when the line breaks, and takes it back on return', async () => {
    await rig.device.sync.start();
    await waitFor('up', connected);
    rig.proxy.refuse(true);
    rig.proxy.cut();
    await waitFor('missed', () => rig.server.gone.length === 1);
    await waitFor('seen on the device', () => !connected());
    rig.proxy.refuse(false);
    await waitFor('back', connected);
    const late = await new FakeServer().start(rig.broker.url);
    await waitFor('born', () => late.births.length === 1);
    expect(late.gone).toEqual([]);
    await late.stop();
  });

  it('says good-bye when it is stopped', async () => {
    await rig.device.sync.start();
    await waitFor('up', connected);
    await rig.device.sync.stop();
    await waitFor('gone', () => rig.server.gone.length === 1);
    expect(connected()).toBe(false);
    expect(rig.device.counters.snapshot()).toEqual({});
  });

  it('keeps trying while nobody answers, and counts it', async () => {
    rig.proxy.refuse(true);
    await rig.device.sync.start();
    await waitFor('several attempts', () => rig.device.counters.get('BROKER_UNREACHABLE') >= 3);
    rig.proxy.refuse(false);
    await waitFor('up', connected);
  });

  it('comes back when the broker itself was restarted', async () => {
    await rig.device.sync.start();
    await waitFor('up', connected);
    await rig.broker.restart();
    await waitFor('down', () => rig.device.counters.get('LINK_CUT') > 0);
    await waitFor('up again', connected);
  });

  it('stays away while it is held, however long, and returns when released', async () => {
    await rig.device.sync.start();
    await waitFor('up', connected);
    const { sinceMs } = rig.device.sync.status();
    rig.device.sync.cut(true);
    expect(connected()).toBe(false);
    await waitFor('the server sees it', () => rig.server.gone.length === 1);
    const before = rig.proxy.connections;
    rig.device.record(100);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(rig.proxy.connections).toBe(before);
    expect(rig.device.sync.status().backlog.predictions).toBe(100);
    rig.device.sync.cut(false);
    await waitFor('drained', () => rig.device.sync.status().backlog.predictions === 0);
    expect(rig.device.sync.status().sinceMs).toBeGreaterThanOrEqual(sinceMs);
  });

  it('connects though the folder of its chunks cannot be read, and counts it', async () => {
    writeFileSync(join(rig.device.dataDir, 'chunks'), 'a file in place of the folder');
    await rig.device.sync.start();
    await waitFor('up', connected);
    expect(rig.device.counters.get('ENOTDIR')).toBe(1);
  });

  it('stops without waiting for a cable that is pulled', async () => {
    await rig.device.sync.start();
    await waitFor('up', connected);
    rig.device.record(50_000);
    rig.proxy.silence(true);
    const startMs = performance.now();
    await rig.device.sync.stop();
    // Two seconds of patience; the keep-alive alone would take 30.
    expect(performance.now() - startMs).toBeLessThan(15_000);
  });
});
