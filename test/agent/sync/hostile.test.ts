/** A broker is not to be trusted: what is not ours, whole, known and signed is refused under a code and changes nothing. */
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentError } from '../../../agent/errors.ts';
import { generateSigningKey, sealEnvelope } from '../../../protocol/keys.ts';
import type { Desired } from '../../../protocol/messages.ts';
import { STREAMS, type Stream } from '../../../protocol/records.ts';
import { topics } from '../../../protocol/topics.ts';
import { startAedes, type TestBroker } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

const id = 'press-1';

function desired(generation: number, device = id): Desired {
  return { v: 1, device, generation, issuedAtMs: 1, slots: {} };
}

describe('hostile messages', () => {
  let broker: TestBroker;
  let server: FakeServer;
  let device: TestDevice;
  let seen: number[];

  beforeEach(async () => {
    broker = await startAedes();
    server = await new FakeServer().start(broker.url);
    server.answer = () => undefined;
    device = new TestDevice({ broker: broker.url, team: server.team });
    seen = [];
    device.sync.onDesired(({ generation }) => seen.push(generation));
    await device.sync.start();
    await waitFor('up', () => device.sync.status().connected);
    device.record(10);
    await server.publishDesired(desired(5));
    await waitFor('a good state and a batch', () => seen.length === 1 && server.batches.length > 0);
  });

  afterEach(async () => {
    await device.stop();
    await server.stop();
    await broker.stop();
  });

  const text = JSON.stringify;
  const sealed = sealEnvelope(generateSigningKey(), desired(9));
  const ack = { v: 1, storeEpoch: '0123456789abcdef', stream: 'predictions', seq: 10 };

  it.each<[string, string, Buffer | string, string]>([
    ['text on the ack topic', topics.ack(id, 'predictions'), 'not json', 'PAYLOAD_MALFORMED'],
    ['nothing on the ack topic', topics.ack(id, 'predictions'), '', 'PAYLOAD_MALFORMED'],
    ['a cut-off ack', topics.ack(id, 'predictions'), text(ack).slice(0, -1), 'PAYLOAD_MALFORMED'],
    ['bytes that are no text', topics.ack(id, 'predictions'), Buffer.alloc(100, 0xff), 'PAYLOAD_MALFORMED'],
    [
      'an ack of a newer version',
      topics.ack(id, 'predictions'),
      text({ ...ack, v: 2 }),
      'PAYLOAD_VERSION_UNKNOWN',
    ],
    ['an ack below zero', topics.ack(id, 'predictions'), text({ ...ack, seq: -1 }), 'PAYLOAD_MALFORMED'],
    [
      'half a record acknowledged',
      topics.ack(id, 'predictions'),
      text({ ...ack, seq: 1.5 }),
      'PAYLOAD_MALFORMED',
    ],
    [
      'more than there is acknowledged',
      topics.ack(id, 'predictions'),
      text({ ...ack, seq: 11 }),
      'ACK_REFUSED',
    ],
    ['an oversized ack', topics.ack(id, 'predictions'), Buffer.alloc(200_000, 0x20), 'PAYLOAD_TOO_LARGE'],
    ['a desired state that is no envelope', topics.desired(id), text(desired(9)), 'PAYLOAD_MALFORMED'],
    ['a desired state by an unknown key', topics.desired(id), sealed, 'SIGNATURE_UNTRUSTED'],
    ['an oversized desired state', topics.desired(id), Buffer.alloc(200_000, 0x20), 'PAYLOAD_TOO_LARGE'],
  ])('refuses %s', async (_, topic, payload, code) => {
    await server.publish(topic, payload);
    await waitFor('refused', () => device.counters.get(code) > 0);
    for (const stream of STREAMS) expect(device.streams.acked(stream as Stream)).toBe(0);
    expect(seen).toEqual([5]);
    expect(device.sync.status().connected).toBe(true);
  });

  it.each<[string, () => Buffer, string]>([
    ['with a changed payload', () => tampered(server), 'SIGNATURE_INVALID'],
    ['of another device', () => sealEnvelope(server.key, desired(9, 'press-2')), 'DESIRED_REFUSED'],
    ['of an older generation', () => sealEnvelope(server.key, desired(4)), 'DESIRED_REFUSED'],
    [
      'of a newer version',
      () => sealEnvelope(server.key, { ...desired(9), v: 2 }),
      'PAYLOAD_VERSION_UNKNOWN',
    ],
    [
      'of the same generation that says something else',
      () =>
        sealEnvelope(server.key, {
          ...desired(5),
          slots: { inspect: { champion: model(), challenger: null } },
        }),
      'DESIRED_REFUSED',
    ],
  ])('refuses a signed desired state %s', async (_, make, code) => {
    await server.publish(topics.desired(id), make());
    await waitFor('refused', () => device.counters.get(code) > 0);
    expect(seen).toEqual([5]);
  });

  it('takes a desired state that found no room on the disk as soon as the store works again', async () => {
    const { states } = device;
    const set = states.set.bind(states);
    states.set = () => {
      throw agentError('STORE_FULL', 'no room');
    };
    await server.publishDesired(desired(6));
    await waitFor('refused', () => device.counters.get('STORE_FULL') === 1);
    device.record(1);
    await waitFor('refused again', () => device.counters.get('STORE_FULL') === 2);
    expect(seen).toEqual([5]);
    states.set = set;
    device.record(1);
    await waitFor('the next state', () => seen.length === 2);
    device.record(1);
    expect(seen).toEqual([5, 6]);
  });

  it('works on after all of it', async () => {
    for (const topic of [topics.ack(id, 'predictions'), topics.desired(id)]) {
      for (const junk of ['', '{}', 'null', '[]', '{"v":1}', Buffer.alloc(5000, 1)])
        await server.publish(topic, junk);
    }
    server.answer = (answer) => answer;
    device.record(10);
    device.sync.cut(true);
    device.sync.cut(false);
    await waitFor('acknowledged', () => device.streams.acked('predictions') === 20);
    await server.publishDesired(desired(6));
    await waitFor('the next state', () => seen.length === 2);
    expect(seen).toEqual([5, 6]);
  });
});

describe('a broker that is none', () => {
  it.each([
    ['speaks HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['sends noise', Buffer.alloc(64 * 1024, 0xf7)],
    [
      'announces a packet of 200 MB',
      Buffer.concat([Buffer.from([0x30, 0x80, 0x80, 0x80, 0x60]), Buffer.alloc(1024 * 1024)]),
    ],
  ])('is left and tried again when it %s', async (_, bytes) => {
    let visits = 0;
    const server = createServer((socket) => {
      visits += 1;
      socket.on('error', () => undefined);
      socket.write(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const device = new TestDevice({ broker: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await device.sync.start();
    await waitFor('visits', () => visits >= 2);
    expect(device.sync.status().connected).toBe(false);
    expect(device.counters.get('BROKER_UNREACHABLE')).toBeGreaterThan(0);
    await device.stop();
    server.close();
  });
});

function tampered(server: FakeServer): Buffer {
  const envelope = JSON.parse(sealEnvelope(server.key, desired(9)).toString());
  return Buffer.from(JSON.stringify({ ...envelope, payload: envelope.payload.replace('9', '8') }));
}

function model() {
  const hash = 'a'.repeat(64);
  return { name: 'm', version: 1, manifestSha256: hash, indexSha256: hash, sizeBytes: 1 };
}
