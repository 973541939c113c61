/** A link that costs money: predictions wait, what is live does not, and nothing is lost by it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithEachBroker, type TestBroker } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

describeWithEachBroker('a metered link', (startBroker) => {
  let broker: TestBroker;
  let server: FakeServer;
  let device: TestDevice;

  beforeEach(async () => {
    broker = await startBroker();
    server = await new FakeServer().start(broker.url);
  });

  afterEach(async () => {
    await device.stop();
    await server.stop();
    await broker.stop();
  });

  const acked = () => device.streams.acked('predictions');

  it('stops at the day’s budget, says so, and lets events through, over a restart too', async () => {
    device = new TestDevice({ broker: broker.url, telemetry: { maxBytesPerDay: 1000 } });
    device.record(5000);
    await device.sync.start();
    await waitFor('the day is spent', () => device.sync.status().heldBack !== null);
    expect(device.sync.status().heldBack).toContain('byte budget for records is spent');
    await device.restart();
    device.recordEvents(1);
    await waitFor('an event', () => device.streams.acked('events') === 1);
    const before = server.batches.length;
    device.record(1000);
    device.recordEvents(1);
    await waitFor('the next event', () => device.streams.acked('events') === 2);
    expect(device.sync.status().heldBack).not.toBeNull();
    expect(server.batches.slice(before).map(({ stream }) => stream)).toEqual(['events']);
    expect(acked()).toBeLessThan(5000);
  });

  it('says which slot’s cap the predictions of all slots wait for, while events go on', async () => {
    device = new TestDevice({ broker: broker.url, uploadBytesPerS: 200 });
    device.record(2000);
    await device.sync.start();
    await waitFor('the word', () => device.sync.status().paced !== null);
    expect(device.sync.status().paced).toMatch(
      /^slot inspect may send 200 bytes a second, and the predictions of other slots wait .* sent in about \d/,
    );
    device.recordEvents(1);
    await waitFor('the event', () => device.streams.acked('events') === 1);
    expect(acked()).toBeLessThan(2000);
    expect(device.sync.status().heldBack).toBeNull();
  });

  it('lets predictions wait for company as long as it is told to, and events go at once', async () => {
    device = new TestDevice({ broker: broker.url, telemetry: { lingerMs: 3_600_000 } });
    await device.sync.start();
    for (let i = 0; i < 5; i++) {
      device.record(20);
      device.recordEvents(1);
      await waitFor('the event', () => device.streams.acked('events') === i + 1);
    }
    expect(acked()).toBe(0);
    // So nobody calls the server silent.
    expect(device.sync.status()).toMatchObject({ onTheWay: false, backlog: { predictions: 100 } });
    // Enough of them for a batch.
    device.record(5000);
    await waitFor('a full batch', () => acked() > 100);
    expect(server.batches.find(({ stream }) => stream === 'predictions')?.count).toBeGreaterThan(100);
  });

  it('sends in many small batches what a thin link gathered while it waited', async () => {
    device = new TestDevice({ broker: broker.url, telemetry: { maxBytesPerS: 1000, lingerMs: 3_600_000 } });
    await device.sync.start();
    device.record(100);
    await waitFor('all but the last few', () => acked() >= 80, 60_000);
  });

  it('sends small batches where a second has few bytes, and an event between them', async () => {
    device = new TestDevice({ broker: broker.url, telemetry: { maxBytesPerS: 2000 } });
    device.record(1000);
    await device.sync.start();
    await waitFor('some of it', () => acked() > 0);
    device.recordEvents(1);
    await waitFor('the event', () => device.streams.acked('events') === 1);
    expect(acked()).toBeLessThan(1000);
    await waitFor('the rest', () => acked() === 1000, 60_000);
    const sizes = server.batches.filter(({ stream }) => stream === 'predictions').map(({ count }) => count);
    expect(Math.max(...sizes)).toBeLessThan(1000);
    expect(server.committed.get('predictions')?.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i + 1),
    );
  });
});
