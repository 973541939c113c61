import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { decodeChunk } from '../../protocol/chunk-codec.ts';
import { openEnvelope, publicKeyFileSchema, publicKeyFromHex, sha256Hex } from '../../protocol/keys.ts';
import { type Desired, desiredSchema, envelopeSchema, parseMessage } from '../../protocol/messages.ts';
import { parsePackageIndex } from '../../protocol/package-index.ts';
import { topics } from '../../protocol/topics.ts';
import { parseServerConfig } from '../../sync-server/config/load.ts';
import { type RunningServer, startServer } from '../../sync-server/main.ts';
import type { RolloutView } from '../../sync-server/views/rollout.ts';
import { fleetOf, publishPackage } from '../support/admin-client.ts';
import { describeWithMosquitto, freePort, startMosquitto } from '../support/brokers.ts';
import { hashOf, makePackage } from '../support/packages.ts';
import { startProcess } from '../support/processes.ts';
import { TestTeam } from '../support/trust.ts';
import { DeviceClient } from './device-client.ts';
import { EPOCH, predictionBatch, temporaryFolder } from './support.ts';

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });
const SLOW = { timeout: 20_000, interval: 20 };

/** A folder with trust to begin with and a configuration file; `broker` as in the configuration. */
function configured(broker: object): { folder: string; file: string; dataDir: string } {
  const folder = temporaryFolder();
  team.prepareServer(join(folder, 'data'));
  const file = join(folder, 'server.json');
  const config = {
    dataDir: 'data',
    broker,
    http: { port: 0 },
    rollouts: { everyMs: 50 },
    log: { level: 'fatal' },
  };
  writeFileSync(file, JSON.stringify(config));
  return { folder, file, dataDir: join(folder, 'data') };
}

async function start(file: string): Promise<RunningServer> {
  const server = await startServer(
    parseServerConfig(JSON.parse(readFileSync(file, 'utf8')), join(file, '..')),
  );
  onTestFinished(() => server.stop());
  return server;
}

async function post(url: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

function readDesired(server: RunningServer, device: DeviceClient): Desired {
  const { publicKey } = publicKeyFileSchema.parse(JSON.parse(readFileSync(server.publicKeyFile, 'utf8')));
  return openEnvelope(
    [publicKeyFromHex(publicKey)],
    desiredSchema,
    device.down.get(topics.desired(device.id)) ?? Buffer.alloc(0),
    'desired',
  );
}

function envelopeOf(device: DeviceClient) {
  const bytes = device.down.get(topics.desired(device.id)) ?? Buffer.alloc(0);
  return parseMessage(envelopeSchema, bytes, 'desired');
}

const champion = makePackage({ name: 'tiny', version: 1 });
const challenger = makePackage({ name: 'tiny', version: 2, graph: { weights: [[2, -1]] } });
const team = new TestTeam().sign(champion, challenger);

function specification(brokerConfig: () => Promise<object>): void {
  const running = (hash: string) => ({
    champion: { manifestSha256: hash, title: 'tiny' },
    challenger: null,
    install: null,
  });

  async function withRollout() {
    const { file } = configured(await brokerConfig());
    const server = await start(file);
    await publishPackage(server.url, champion);
    await publishPackage(server.url, challenger);
    const device = new DeviceClient('mill-1', server.brokerUrl);
    await device.born();
    await device.report({ slots: { 'machine-failure': running(hashOf(champion)) } });
    await vi.waitFor(async () => expect((await fleetOf(server.url)).devices[0]?.reported).toBeTruthy(), SLOW);
    const answer = await post(`${server.url}/api/rollouts`, { slot: 'machine-failure', model: 'tiny@2' });
    expect(answer.status).toBe(201);
    const { id } = (await answer.json()) as RolloutView;
    await vi.waitFor(() => expect(device.down.has(topics.desired('mill-1'))).toBe(true), SLOW);
    return { file, server, device, id };
  }

  it('stores what devices send and acknowledges it', async () => {
    const { file, dataDir } = configured(await brokerConfig());
    const server = await start(file);
    const device = new DeviceClient('mill-1', server.brokerUrl);
    await device.born();
    const online = async () => (await fleetOf(server.url)).devices.map((each) => each.online);
    await vi.waitFor(async () => expect(await online()).toEqual([true]), SLOW);
    device.send('predictions', predictionBatch(1, 2000));
    await vi.waitFor(() => expect(device.acked('predictions')).toBe(2000), SLOW);
    expect(countRows(dataDir)).toEqual({ rows: 2000, last: 2000 });
  });

  it('brings a wanted package to a device, every byte checked, and clears the broker afterwards', async () => {
    const { server, device, id } = await withRollout();
    const wanted = readDesired(server, device).slots['machine-failure']?.challenger?.model;
    expect(wanted?.manifestSha256).toBe(hashOf(challenger));
    const indexSha256 = wanted?.indexSha256 ?? '';
    await device.listenTo(topics.chunk(indexSha256));
    await vi.waitFor(() => expect(device.down.has(topics.chunk(indexSha256))).toBe(true), SLOW);
    const arrived = (sha256: string) =>
      decodeChunk(sha256, device.down.get(topics.chunk(sha256)) ?? Buffer.alloc(0));
    const index = parsePackageIndex(arrived(indexSha256), indexSha256);
    for (const { sha256 } of index.files.flatMap((entry) => entry.chunks)) {
      await device.listenTo(topics.chunk(sha256));
      await vi.waitFor(() => expect(sha256Hex(arrived(sha256))).toBe(sha256), SLOW);
    }
    const { generation } = readDesired(server, device);
    await post(`${server.url}/api/rollouts/${id}/abort`, {});
    await vi.waitFor(() => expect(readDesired(server, device).generation).toBeGreaterThan(generation), SLOW);
    expect(readDesired(server, device).slots['machine-failure']?.challenger).toBeNull();
    const late = new DeviceClient('late', server.brokerUrl);
    await late.born();
    // The index of the signed metadata, which every device needs.
    const kept = topics.chunk(envelopeOf(device).trust?.indexSha256 ?? '');
    await vi.waitFor(async () => {
      late.down.clear();
      await late.listenTo(topics.chunk(indexSha256));
      // What the broker keeps comes in the order of asking: with this one, the chunk would be here too.
      await late.listenTo(kept);
      await vi.waitFor(() => expect(late.down.has(kept)).toBe(true), SLOW);
      expect(late.down.has(topics.chunk(indexSha256))).toBe(false);
    }, SLOW);
    // It is no longer kept, but comes when asked for.
    await late.want([indexSha256]);
    await vi.waitFor(() => expect(late.down.has(topics.chunk(indexSha256))).toBe(true), SLOW);
  });

  it('serves packages and signed metadata by ranges too, and nothing that was not published', async () => {
    const { server, device } = await withRollout();
    const wanted = readDesired(server, device).slots['machine-failure']?.challenger?.model;
    const trust = envelopeOf(device).trust;
    for (const indexSha256 of [wanted?.indexSha256 ?? '', trust?.indexSha256 ?? '']) {
      const path = `${server.url}/chunks/${indexSha256}`;
      const index = Buffer.from(await (await fetch(`${path}/index`)).arrayBuffer());
      expect(parsePackageIndex(decodeChunk(indexSha256, index), indexSha256).files.length).toBeGreaterThan(3);
      const part = await fetch(path, { headers: { range: 'bytes=0-3' } });
      expect(part.status).toBe(206);
      expect((await part.arrayBuffer()).byteLength).toBe(4);
    }
    expect((await fetch(`${server.url}/chunks/${'f'.repeat(64)}`)).status).toBe(404);
  });

  it('says the same again after a restart, to a device that connects then', async () => {
    const { file, server, device } = await withRollout();
    const before = device.down.get(topics.desired('mill-1'));
    await device.end();
    await server.stop();
    const next = await start(file);
    const again = new DeviceClient('mill-1', next.brokerUrl);
    await again.born();
    await vi.waitFor(() => expect(again.down.get(topics.desired('mill-1'))).toEqual(before), SLOW);
    const indexSha256 =
      readDesired(next, again).slots['machine-failure']?.challenger?.model.indexSha256 ?? '';
    await again.listenTo(topics.chunk(indexSha256));
    await vi.waitFor(() => expect(again.down.has(topics.chunk(indexSha256))).toBe(true), SLOW);
    expect((await fleetOf(next.url)).rollouts).toHaveLength(1);
  });
}

describe('the server with its embedded broker', () => {
  specification(async () => ({ kind: 'embedded', port: 0 }));
});

describeWithMosquitto('the server with Mosquitto', () => {
  specification(async () => {
    const broker = await startMosquitto();
    onTestFinished(() => broker.stop());
    return { kind: 'external', url: broker.url };
  });

  it('comes back by itself when the broker was away', async () => {
    const broker = await startMosquitto();
    onTestFinished(() => broker.stop());
    const server = await start(configured({ kind: 'external', url: broker.url }).file);
    await broker.restart();
    const device = new DeviceClient('mill-1', broker.url);
    await device.born();
    await vi.waitFor(() => {
      device.send('predictions', predictionBatch(1, 10));
      expect(device.acked('predictions')).toBe(10);
    }, SLOW);
    expect((await fleetOf(server.url)).devices.map((each) => each.online)).toEqual([true]);
  });
});

function countRows(dataDir: string): { rows: number; last: number } {
  const db = new Database(join(dataDir, 'server.db'), { readonly: true });
  try {
    return db.prepare('SELECT count(*) AS rows, max(seq) AS last FROM predictions').get() as {
      rows: number;
      last: number;
    };
  } finally {
    db.close();
  }
}

describe('the server process', () => {
  it('loses nothing that it acknowledged and keeps nothing twice, killed in the middle of the stream', async () => {
    const TOTAL = 40_000;
    const SIZE = 500;
    const { file, dataDir } = configured({ kind: 'embedded', port: await freePort() });
    let server = startProcess('sync-server/start.ts', ['--config', file]);
    onTestFinished(() => void server.end('SIGKILL'));
    const { broker } = readSettings(file);
    const device = new DeviceClient('mill-1', `mqtt://127.0.0.1:${broker.port}`);
    const kills = [10_000, 25_000];
    await vi.waitFor(
      async () => {
        const acked = device.acked('predictions');
        if (kills[0] !== undefined && acked >= kills[0]) {
          kills.shift();
          const ended = server.end('SIGKILL');
          for (let i = 0; i < 8; i++) send(device, acked, i, SIZE, TOTAL);
          await ended;
          expect(countRows(dataDir).rows).toBeGreaterThanOrEqual(acked);
          server = startProcess('sync-server/start.ts', ['--config', file]);
        }
        // A window of batches from the acknowledged place, again and again: many arrive twice.
        for (let i = 0; i < 8; i++) send(device, acked, i, SIZE, TOTAL);
        expect(acked).toBe(TOTAL);
      },
      { timeout: 100_000, interval: 10 },
    );
    expect(countRows(dataDir)).toEqual({ rows: TOTAL, last: TOTAL });
    expect(kills).toEqual([]);
  });

  it('ends cleanly and soon when it is told to', async () => {
    const { file } = configured({ kind: 'embedded', port: 0 });
    writeFileSync(file, JSON.stringify({ ...readSettings(file), log: { level: 'info' } }));
    const server = startProcess('sync-server/start.ts', ['--config', file]);
    const line = await server.logged('listening');
    expect(line).toMatchObject({
      url: expect.stringMatching(/^http:/),
      brokerUrl: expect.stringMatching(/^mqtt:/),
    });
    const stream = await fetch(`${line.url}/api/live`);
    // The server's own watch over its end exits with 1 after less than 5 s.
    expect(await server.end('SIGTERM')).toBe(0);
    await vi.waitFor(() => expect(server.lines.at(-1)?.event).toBe('stopped'), SLOW);
    await stream.body?.cancel().catch(() => undefined);
  });

  it.each([
    ['its data is in use', 'STORE_LOCKED', 'dataDir', (running: Settings) => running],
    [
      'the port of its broker is taken',
      'PORT_TAKEN',
      'broker.port',
      (running: Settings) => ({ ...running, dataDir: 'other' }),
    ],
    [
      'the port of its page is taken',
      'PORT_TAKEN',
      'http.port',
      (running: Settings) => ({ ...running, dataDir: 'other', broker: { kind: 'embedded', port: 0 } }),
    ],
  ])('ends with one line that says why when %s', async (_name, code, hint, change) => {
    const { file } = configured({ kind: 'embedded', port: await freePort() });
    const settings = { ...readSettings(file), http: { port: await freePort() } };
    writeFileSync(file, JSON.stringify(settings));
    await start(file);
    const other = join(file, '..', 'other.json');
    writeFileSync(other, JSON.stringify(change(settings)));
    const second = startProcess('sync-server/start.ts', ['--config', other]);
    expect(await second.logged('not-started')).toMatchObject({ code, hint: expect.stringContaining(hint) });
    await vi.waitFor(() => expect(second.ended).toBe(true), SLOW);
    expect(await second.end()).toBe(1);
  });
});

type Settings = ReturnType<typeof readSettings>;

function readSettings(file: string) {
  return JSON.parse(readFileSync(file, 'utf8')) as {
    dataDir: string;
    broker: { kind: string; port: number };
  };
}

/** The i-th batch after `acked`. */
function send(device: DeviceClient, acked: number, i: number, size: number, total: number): void {
  const from = acked + i * size + 1;
  if (from <= total)
    device.send('predictions', predictionBatch(from, Math.min(from + size - 1, total), 0, EPOCH));
}
