import { connect as connectTcp } from 'node:net';
import fc from 'fast-check';
import { connect, connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Counters } from '../../../daemon/counters.ts';
import { LIMITS } from '../../../protocol/limits.ts';
import { clientIdOf, topics } from '../../../protocol/topics.ts';
import { EmbeddedBroker } from '../../../sync-server/broker/embedded-broker.ts';
import { PacketSizeGuard } from '../../../sync-server/broker/packet-size-guard.ts';
import { withoutLogin } from '../../../sync-server/broker/reach-broker.ts';
import { SOON, silentLog } from '../support.ts';

async function startBroker(port = 0) {
  const counters = new Counters();
  const broker = new EmbeddedBroker({ host: '127.0.0.1', port, counters, log: silentLog });
  const url = await broker.start();
  onTestFinished(() => broker.stop());
  return { broker, url, counters };
}

async function client(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const as = { clientId: clientIdOf('mill-1'), ...options };
  const mqtt = await connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0, ...as });
  mqtt.on('error', () => undefined);
  onTestFinished(() => mqtt.endAsync(true));
  return mqtt;
}

describe('the embedded broker', () => {
  it('carries the largest message of the contract', async () => {
    const { url, broker } = await startBroker();
    const server = await client(url, { ...broker.credentials, clientId: 'server' });
    const received: number[] = [];
    server.on('message', (_topic, payload) => received.push(payload.length));
    await server.subscribeAsync('andon/v1/+/up/+', { qos: 1 });
    const device = await client(url);
    await device.publishAsync(topics.up('mill-1', 'predictions'), Buffer.alloc(LIMITS.messageBytes), {
      qos: 1,
    });
    await vi.waitFor(() => expect(received).toEqual([LIMITS.messageBytes]), SOON);
  });

  it('cuts a client that sends more than that, before it holds it in memory', async () => {
    const { url, counters } = await startBroker();
    const device = await client(url);
    const closed = new Promise<void>((resolve) => device.once('close', () => resolve()));
    device.publish(topics.up('mill-1', 'predictions'), Buffer.alloc(2 * LIMITS.messageBytes), { qos: 1 });
    await closed;
    expect(counters.get('PAYLOAD_TOO_LARGE')).toBe(1);
  });

  it('cuts a client that announces a huge packet and never sends it', async () => {
    const { url } = await startBroker();
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    // A CONNECT of 256 MB less one.
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0x00]));
    await closed;
  });

  it.each([
    ['an acknowledgement', topics.ack('mill-1', 'predictions')],
    ['a desired state', topics.desired('mill-1')],
    ['a chunk', topics.chunk('a'.repeat(64))],
  ])('lets no device send %s', async (_name, topic) => {
    const { url, broker, counters } = await startBroker();
    const server = await client(url, { ...broker.credentials, clientId: 'server' });
    const received: string[] = [];
    server.on('message', (name) => received.push(name));
    await server.subscribeAsync('andon/v1/#', { qos: 1 });
    const liar = await client(url);
    const closed = new Promise<void>((resolve) => liar.once('close', () => resolve()));
    liar.publish(topic, 'lie', { qos: 1 });
    await closed;
    await server.publishAsync(topic, 'truth', { qos: 1 });
    await vi.waitFor(() => expect(received).toEqual([topic]), SOON);
    expect(counters.get('TOPIC_REFUSED')).toBe(1);
  });

  it('keeps nothing for a client that has gone, whatever session it asked for', async () => {
    const { url, broker } = await startBroker();
    const server = await client(url, { ...broker.credentials, clientId: 'server' });
    const session = { clean: false, clientId: clientIdOf('mill-1') };
    const first = await client(url, session);
    await first.subscribeAsync(topics.desired('mill-1'), { qos: 1 });
    await first.endAsync();
    await server.publishAsync(topics.desired('mill-1'), 'x', { qos: 1 });
    const resumed = new Promise((resolve) => {
      const again = connect(url, { protocolVersion: 4, reconnectPeriod: 0, ...session });
      onTestFinished(() => again.endAsync(true));
      again.once('connect', (packet) => resolve(packet.sessionPresent));
    });
    expect(await resumed).toBe(false);
  });

  it('believes nobody to be the server without its password', async () => {
    const { url } = await startBroker();
    await expect(client(url, { username: 'andon-server', password: 'guess' })).rejects.toThrow();
  });

  it.each(['', 'mqttjs_1234', 'andon-', 'andon-Mill', 'andon-chunks'])(
    'lets nobody in whose client id, "%s", is none of a device',
    async (clientId) => {
      const { url, counters } = await startBroker();
      await expect(client(url, { clientId })).rejects.toThrow('Not authorized');
      expect(counters.get('CLIENT_REFUSED')).toBe(1);
    },
  );

  it('says which port is taken and what to do', async () => {
    const { url } = await startBroker();
    const port = Number(new URL(url).port);
    await expect(startBroker(port)).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(port)),
      hint: expect.stringContaining('broker.port'),
    });
  });
});

describe('the address of a broker as it is shown', () => {
  it.each([
    ['mqtt://127.0.0.1:1883', 'mqtt://127.0.0.1:1883'],
    ['mqtt://andon:secret@broker:1883', 'mqtt://broker:1883'],
    ['mqtts://andon:se@cret@broker:8883', 'mqtts://broker:8883'],
  ])('%s is %s, without the login', (url, shown) => {
    expect(withoutLogin(url)).toBe(shown);
  });
});

describe('the packet size guard', () => {
  const packet = (bodyBytes: number): Buffer => {
    const length: number[] = [];
    let rest = bodyBytes;
    do {
      length.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
      rest = Math.floor(rest / 128);
    } while (rest > 0);
    return Buffer.concat([Buffer.from([0x30, ...length]), Buffer.alloc(bodyBytes, 0xff)]);
  };

  it('judges by length alone, however the bytes are cut into pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 60 })),
        (sizes, cuts) => {
          const guard = new PacketSizeGuard(300);
          const bytes = Buffer.concat(sizes.map(packet));
          let accepted = true;
          for (let at = 0; at < bytes.length && accepted; ) {
            const piece = bytes.subarray(at, at + (cuts.next().value ?? 1));
            accepted = guard.accepts(piece);
            at += piece.length;
          }
          expect(accepted).toBe(sizes.every((size) => size <= 300));
        },
      ),
    );
  });

  it('refuses a length that never ends', () => {
    expect(new PacketSizeGuard(300).accepts(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x80]))).toBe(false);
  });
});
