/** Promise 3 after a start: nothing new leaves before the server has shown that it has no more than was here. */
import { expect, it, onTestFinished } from 'vitest';
import { startAedes } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { type DeviceOptions, TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

const HERE = 500;

/** A device that had `HERE` predictions at its start, of which as many are known to be acknowledged, and makes ten more. */
async function started(acked: number, options: Partial<DeviceOptions> = {}) {
  const broker = await startAedes();
  const server = await new FakeServer().start(broker.url);
  const device = new TestDevice({ broker: broker.url, ...options });
  device.record(HERE);
  device.streams.ack('predictions', acked);
  device.streams.unprovenHeads.set('predictions', HERE);
  // The one that this device will have without a restart.
  await device.restart();
  device.record(10);
  onTestFinished(async () => {
    await device.stop();
    await server.stop();
    await broker.stop();
  });
  const seqs = () => (server.committed.get('predictions') ?? []).map(({ seq }) => seq);
  return { server, device, seqs };
}

it('asks with a few that the server has, and sends the new ones on its answer', async () => {
  const { server, device, seqs } = await started(HERE);
  server.setCursor(device.epoch, 'predictions', HERE);
  await waitFor('the new ones', () => seqs().length === 10);
  expect(seqs()[0]).toBe(HERE + 1);
  const [asked] = server.batches.filter(({ stream }) => stream === 'predictions');
  expect(asked).toMatchObject({ firstSeq: HERE - 31, count: 32 });
});

it('sends nothing new while no answer comes', async () => {
  const { server, device } = await started(HERE);
  server.answer = () => undefined;
  server.setCursor(device.epoch, 'predictions', HERE);
  device.recordEvents(1);
  await waitFor('the question and a repetition', () => server.batches.length > 2, 20_000);
  expect(server.batches.filter(({ stream }) => stream === 'predictions').map(lastOf)).not.toContain(
    HERE + 10,
  );
});

it('needs no question where a backlog has to go first', async () => {
  const { server, device, seqs } = await started(100);
  server.setCursor(device.epoch, 'predictions', 100);
  await waitFor('all', () => seqs().length === HERE + 10 - 100);
  expect(seqs()).toEqual(Array.from({ length: HERE + 10 - 100 }, (_, i) => 101 + i));
});

it('says that the server has more, and keeps what is new', async () => {
  const { server, device, seqs } = await started(HERE);
  server.setCursor(device.epoch, 'predictions', HERE + 4);
  await waitFor('it is noticed', () => device.streams.overtakenBy.length > 0);
  expect(device.streams.overtakenBy[0]).toEqual({ stream: 'predictions', serverSeq: HERE + 4 });
  expect(seqs()).toEqual([]);
});

it('goes on where nothing that could ask may leave', async () => {
  const { device } = await started(0, { privacy: 'none' });
  await waitFor('all is settled', () => device.streams.acked('predictions') === HERE + 10);
});

it('sends what a server that was set back asks for', async () => {
  const { server, device, seqs } = await started(HERE);
  server.setCursor(device.epoch, 'predictions', 300);
  await waitFor('all that it misses', () => seqs().length === HERE + 10 - 300);
  expect(seqs()[0]).toBe(301);
});

function lastOf({ firstSeq, count }: { firstSeq: number; count: number }): number {
  return firstSeq + count - 1;
}
