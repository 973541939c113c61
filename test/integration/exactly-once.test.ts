/**
 * Promises 2 and 3 on real processes: 10,000 steel plates reach the server exactly once, although the link is cut three
 * times and the agent is killed twice on the way.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, expect, it } from 'vitest';
import type { StatusView } from '../../agent/http/view.ts';
import type { FleetView } from '../../sync-server/views/fleet.ts';
import { describeWithMosquitto, startMosquitto } from '../support/brokers.ts';
import { projectRoot, type RunningProcess, startProcess, waitFor } from '../support/processes.ts';
import { steelPlatesCsv } from '../support/steel-plates.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const PLATES = 10_000;
const EVERY_MS = 1;
const DEVICE = 'steel-line';

const cleanUp: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function fetchJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}

function writeJson(path: string, value: unknown): string {
  writeFileSync(path, JSON.stringify(value));
  return path;
}

async function startServer(folder: string, broker: object): Promise<{ url: string; brokerUrl: string }> {
  const config = writeJson(join(folder, 'server.json'), {
    dataDir: join(folder, 'server'),
    broker,
    http: { port: 0 },
  });
  const server = startProcess('sync-server/start.ts', ['--config', config]);
  cleanUp.push(() => server.end());
  const line = await server.logged('listening');
  return { url: String(line.url), brokerUrl: String(line.brokerUrl) };
}

/** One line of plates that survives its agent: the same folder and file, a new process each time. */
class Device {
  readonly #config: string;
  #process: RunningProcess | undefined;
  #url = '';

  constructor(folder: string, brokerUrl: string) {
    const csv = join(folder, 'plates.csv');
    writeFileSync(csv, steelPlatesCsv(PLATES, EVERY_MS));
    this.#config = writeJson(join(folder, 'device.json'), {
      device: { id: DEVICE },
      dataDir: join(folder, 'agent'),
      sources: {
        plates: {
          kind: 'file',
          path: csv,
          format: 'csv',
          speed: 'recorded',
          timeColumn: 'time',
          correlationColumn: 'part',
        },
      },
      slots: { surface: { source: 'plates', model: join(projectRoot, 'models', 'steel-surface', '1') } },
      sync: { broker: brokerUrl, retryMs: 50 },
      trust: { metadata: join(projectRoot, 'models', 'trust') },
      http: { port: 0 },
    });
    cleanUp.push(() => this.end());
  }

  async start(): Promise<void> {
    this.#process = startProcess('agent/start.ts', ['--config', this.#config]);
    this.#url = String((await this.#process.logged('listening')).url);
  }

  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  async end(): Promise<number | null> {
    return (await this.#process?.end('SIGTERM')) ?? 0;
  }

  async status(): Promise<StatusView> {
    return fetchJson<StatusView>(`${this.#url}/api/status`);
  }
}

interface Arrived {
  records: number;
  parts: number;
  epochs: number;
  lastSeq: number;
}

function arrivedAt(folder: string): Arrived {
  const database = new Database(join(folder, 'server', 'server.db'), { readonly: true });
  try {
    return database
      .prepare(
        `SELECT count(*) AS records, count(DISTINCT correlation_id) AS parts,
                count(DISTINCT epoch_id) AS epochs, coalesce(max(seq), 0) AS lastSeq FROM predictions`,
      )
      .get() as Arrived;
  } finally {
    database.close();
  }
}

async function drive(folder: string, serverUrl: string, brokerUrl: string): Promise<void> {
  const broker = new URL(brokerUrl);
  const proxy = new TcpProxy(Number(broker.port));
  await proxy.start();
  cleanUp.push(() => proxy.stop());
  const device = new Device(folder, proxy.url);
  await device.start();

  const received = async () => {
    const fleet = await fetchJson<FleetView>(`${serverUrl}/api/fleet`);
    return fleet.devices.find(({ id }) => id === DEVICE)?.received.predictions ?? 0;
  };
  const receivedAtLeast = (count: number) =>
    waitFor(async () => (await received()) >= count, 60_000, `${count} records at the server`);
  const cut = () => {
    proxy.refuse(true);
    proxy.cut();
  };
  const cutFor = async (ms: number) => {
    cut();
    await new Promise((resolve) => setTimeout(resolve, ms));
    proxy.refuse(false);
  };

  await receivedAtLeast(500);
  await cutFor(600);
  await receivedAtLeast(2000);
  await device.kill();
  await device.start();
  await receivedAtLeast(3500);
  await cutFor(300);
  await receivedAtLeast(5000);
  cut();
  await device.kill();
  await device.start();
  proxy.refuse(false);
  await receivedAtLeast(7000);
  await cutFor(400);
  await receivedAtLeast(PLATES);
  await waitFor(
    async () => (await device.status()).link.backlog.predictions === 0,
    20_000,
    'an empty backlog',
  );

  expect(arrivedAt(folder)).toEqual({ records: PLATES, parts: PLATES, epochs: 1, lastSeq: PLATES });
  expect(await device.end()).toBe(0);
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'andon-exactly-once-'));
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

it('delivers 10,000 plates exactly once through the embedded broker, over three cuts and two kills', async () => {
  const folder = newFolder();
  const server = await startServer(folder, { kind: 'embedded', port: 0 });
  await drive(folder, server.url, server.brokerUrl);
}, 120_000);

describeWithMosquitto('with Mosquitto', () => {
  it('delivers 10,000 plates exactly once, over three cuts and two kills', async () => {
    const folder = newFolder();
    const broker = await startMosquitto();
    cleanUp.push(() => broker.stop());
    const server = await startServer(folder, { kind: 'external', url: broker.url });
    await drive(folder, server.url, broker.url);
  }, 120_000);
});
