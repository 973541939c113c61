import { expect, it, onTestFinished, vi } from 'vitest';
import { BirthAgain } from '../../../agent/sync/birth-again.ts';
import type { MessageHandler } from '../../../agent/sync/message-routes.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { Ack } from '../../../protocol/messages.ts';
import { startAedes } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

async function scene(answer: (ack: Ack) => Ack) {
  const broker = await startAedes();
  const server = await new FakeServer().start(broker.url);
  server.answer = answer;
  const device = new TestDevice({ broker: broker.url });
  onTestFinished(async () => {
    await device.stop();
    await server.stop();
    await broker.stop();
  });
  device.record(10);
  await device.sync.start();
  return { server, device };
}

it('says its birth again when the server asks for it', async () => {
  const { server, device } = await scene((ack) => ({ ...ack, wantsBirth: true }));
  await waitFor('a second birth', () => server.births.length >= 2);
  expect(server.births[1]?.storeEpoch).toBe(device.epoch);
});

it('says it once for many acknowledgements that ask at once', () => {
  const handlers: MessageHandler[] = [];
  let nowMs = 0;
  const sayBirth = vi.fn(async () => undefined);
  const subscribe = (_topic: string, handler: MessageHandler) => {
    handlers.push(handler);
    return () => undefined;
  };
  const link = { subscribe, sayBirth };
  const storeEpoch = '0123456789abcdef';
  const clock = { monotonicUs: () => nowMs * 1000 };
  new BirthAgain({ device: 'press-1', storeEpoch, link, clock, counters: new Counters() }).open();
  const ask = () => {
    const ack = { v: 1, storeEpoch, stream: 'events', seq: 1, wantsBirth: true };
    for (const hear of handlers) hear(Buffer.from(JSON.stringify(ack)), 'an acknowledgement');
  };
  ask();
  nowMs = 999;
  ask();
  expect(sayBirth).toHaveBeenCalledTimes(1);
  nowMs = 1000;
  ask();
  expect(sayBirth).toHaveBeenCalledTimes(2);
});

it('does not say it for another database of its own', async () => {
  const { server, device } = await scene((ack) => ({ ...ack, storeEpoch: 'f'.repeat(16), wantsBirth: true }));
  await waitFor('refused', () => device.counters.get('ACK_REFUSED') > 0);
  expect(server.births).toHaveLength(1);
  expect(device.counters.get('sync.birth-again')).toBe(0);
});
