/** What one device can do to another, over TLS, on our broker and on Mosquitto with the shipped rules. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Counters } from '../../../daemon/counters.ts';
import { clientIdOf, topics } from '../../../protocol/topics.ts';
import { CertificateAuthority } from '../../../sync-server/access/certificate-authority.ts';
import { EmbeddedBroker } from '../../../sync-server/broker/embedded-broker.ts';
import { describeWithMosquitto, freePort, startMosquittoWith } from '../../support/brokers.ts';
import { connected } from '../../support/mqtt-connected.ts';
import { SOON, silentLog, TestClock, temporaryFolder } from '../support.ts';

// A broker of its own process, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

interface Login {
  readonly key: string;
  readonly cert: string;
  readonly serialNumber: string;
}

interface Scene {
  readonly url: string;
  readonly authority: CertificateAuthority;
  /** Of the server's own link. */
  server(): Promise<MqttClient>;
  revoke(login: Login): Promise<void>;
}

const clock = new TestClock();
clock.nowMs = Date.now();

async function loginOf(authority: CertificateAuthority, device: string): Promise<Login> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { pem, serialNumber } = await authority.issueDevice(
    device,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
  );
  return { key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, cert: pem, serialNumber };
}

const connectAs = (url: string, ca: string, login: object, clientId: string) =>
  connected(url, { clientId, ca, ...login });

async function embedded(): Promise<Scene> {
  const authority = await CertificateAuthority.open(temporaryFolder(), clock);
  const revoked = new Set<string>();
  const broker = new EmbeddedBroker({
    host: '127.0.0.1',
    port: 0,
    counters: new Counters(),
    log: silentLog,
    tls: {
      host: '127.0.0.1',
      port: 0,
      ...(await authority.issueBroker(['127.0.0.1'])),
      ca: authority.pem,
      admits: (_device, serialNumber) => !revoked.has(serialNumber),
    },
  });
  const plainUrl = await broker.start();
  onTestFinished(() => broker.stop());
  return {
    url: broker.tlsUrl ?? '',
    authority,
    server: () => connectAs(plainUrl, authority.pem, broker.credentials, 'server'),
    revoke: async ({ serialNumber }) => {
      revoked.add(serialNumber);
      broker.cut('a');
    },
  };
}

async function mosquitto(): Promise<Scene> {
  const folder = temporaryFolder();
  const authority = await CertificateAuthority.open(join(folder, 'authority'), clock);
  const pki = join(folder, 'pki');
  mkdirSync(pki);
  const { key, cert } = await authority.issueBroker(['127.0.0.1']);
  const files = { 'ca.pem': authority.pem, 'broker.pem': cert, 'broker-key.pem': key };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(pki, name), text);
  const list = async (revoked: { serialNumber: string; timeMs: number }[]) =>
    writeFileSync(join(pki, 'revoked.pem'), await authority.revocationList(revoked));
  await list([]);
  const shipped = (name: string) => readFileSync(join('deploy', name), 'utf8');
  writeFileSync(join(folder, 'mosquitto.acl'), shipped('mosquitto.acl'));
  const port = await freePort();
  const config = shipped('mosquitto-tls.conf')
    // Started by root it would become a user who may not read the folder.
    .replace('listener 8883', `user ${userInfo().username}\nlistener ${port} 127.0.0.1`)
    .replace('persistence true', 'persistence false')
    .replaceAll('pki/', `${pki}/`)
    .replace('acl_file ', `acl_file ${folder}/`);
  writeFileSync(join(folder, 'mosquitto.conf'), config);
  const broker = await startMosquittoWith(join(folder, 'mosquitto.conf'), port);
  onTestFinished(() => broker.stop());
  return {
    url: `mqtts://127.0.0.1:${port}`,
    authority,
    server: async () => {
      const link = await authority.issueServerLink();
      return connectAs(`mqtts://127.0.0.1:${port}`, authority.pem, link, 'any');
    },
    revoke: async ({ serialNumber }) => {
      await list([{ serialNumber, timeMs: clock.nowMs }]);
      await broker.restart();
    },
  };
}

function walls(start: () => Promise<Scene>): void {
  const device = async (scene: Scene, id: string) =>
    connectAs(scene.url, scene.authority.pem, await loginOf(scene.authority, id), clientIdOf(id));

  it('lets a device use its own topics', async () => {
    const scene = await start();
    const server = await scene.server();
    const a = await device(scene, 'a');
    const up: string[] = [];
    const down: string[] = [];
    server.on('message', (topic) => up.push(topic));
    a.on('message', (topic) => down.push(topic));
    await server.subscribeAsync(['andon/v1/+/birth', 'andon/v1/+/up/+'], { qos: 1 });
    await a.subscribeAsync([topics.desired('a'), topics.ack('a', 'events'), topics.chunk('0'.repeat(64))]);
    for (const topic of [topics.birth('a'), topics.up('a', 'events')])
      await a.publishAsync(topic, 'x', { qos: 1 });
    await server.publishAsync(topics.desired('a'), 'x', { qos: 1 });
    await server.publishAsync(topics.ack('a', 'events'), 'x', { qos: 1 });
    await vi.waitFor(() => expect(up).toEqual([topics.birth('a'), topics.up('a', 'events')]), SOON);
    await vi.waitFor(() => expect(down).toEqual([topics.desired('a'), topics.ack('a', 'events')]), SOON);
  });

  it('lets device a neither write as b nor read what is for b or from b', async () => {
    const scene = await start();
    const server = await scene.server();
    const [a, b] = [await device(scene, 'a'), await device(scene, 'b')];
    const heard: string[] = [];
    a.on('message', (topic) => heard.push(topic));
    for (const filter of [
      '#',
      'andon/v1/#',
      'andon/v1/b/#',
      topics.desired('b'),
      topics.ack('b', 'events'),
      topics.birth('b'),
    ]) {
      await a.subscribeAsync(filter, { qos: 1 }).catch(() => undefined);
    }
    await a.subscribeAsync(topics.desired('a'), { qos: 1 });

    const arrived: string[] = [];
    server.on('message', (topic, payload) => arrived.push(`${topic} ${payload.toString()}`));
    await server.subscribeAsync('andon/v1/#', { qos: 1 });
    await b.publishAsync(topics.birth('b'), 'of b', { qos: 1, retain: true });
    await server.publishAsync(topics.desired('b'), 'for b', { qos: 1, retain: true });
    await server.publishAsync(topics.ack('b', 'events'), 'for b', { qos: 1 });
    // Our broker cuts who writes elsewhere, so each lie has its own connection.
    const lies = [
      topics.up('b', 'events'),
      topics.birth('b'),
      topics.desired('b'),
      topics.desired('a'),
      topics.ack('a', 'events'),
      topics.chunk('0'.repeat(64)),
    ];
    for (const topic of lies) {
      const liar = await device(scene, 'c');
      await Promise.race([
        liar.publishAsync(topic, 'a lie', { qos: 1 }).catch(() => undefined),
        new Promise<void>((resolve) => liar.once('close', () => resolve())),
      ]);
      liar.end(true);
    }
    await server.publishAsync(topics.desired('a'), 'the end', { qos: 1 });
    await vi.waitFor(() => expect(heard).toContain(topics.desired('a')), SOON);
    expect(heard).toEqual([topics.desired('a')]);
    await vi.waitFor(() => expect(arrived).toContain(`${topics.desired('a')} the end`), SOON);
    expect(arrived.filter((message) => message.includes('lie'))).toEqual([]);
  });

  it('lets nobody throw another device off by its client id', async () => {
    const scene = await start();
    const victim = await device(scene, 'b');
    const closed = vi.fn();
    victim.on('close', closed);
    const login = await loginOf(scene.authority, 'a');
    const thief = await connectAs(scene.url, scene.authority.pem, login, clientIdOf('b')).catch(
      () => undefined,
    );
    thief?.publish(topics.up('a', 'events'), 'x');
    await victim.publishAsync(topics.up('b', 'events'), 'still here', { qos: 1 });
    expect(closed).not.toHaveBeenCalled();
  });

  it('lets nobody in without a certificate, with one of another authority, or with a revoked one', async () => {
    const scene = await start();
    const { authority, url } = scene;
    const stranger = await CertificateAuthority.open(temporaryFolder(), clock);
    const refused = (login: object) =>
      expect(connectAs(url, authority.pem, login, clientIdOf('a'))).rejects.toThrow();
    await refused({});
    await refused(await loginOf(stranger, 'a'));
    const login = await loginOf(authority, 'a');
    const before = await connectAs(url, authority.pem, login, clientIdOf('a'));
    const closed = new Promise<void>((resolve) => before.once('close', () => resolve()));
    await scene.revoke(login);
    await closed;
    await refused(login);
    await connectAs(url, authority.pem, await loginOf(authority, 'a'), clientIdOf('a'));
  });

  it('is not believed by a device when its own certificate is of another authority', async () => {
    const { url, authority } = await start();
    const stranger = await CertificateAuthority.open(temporaryFolder(), clock);
    const login = await loginOf(authority, 'a');
    await expect(connectAs(url, stranger.pem, login, clientIdOf('a'))).rejects.toThrow();
  });
}

describe('walls between devices (embedded)', () => walls(embedded));
describeWithMosquitto('walls between devices (Mosquitto)', () => walls(mosquitto));
