/** Promise 8: whatever breaks, a device pays for one chunk twice at most. Bytes are those that came to its socket. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeChunk } from '../../../protocol/chunk-codec.ts';
import { describeWithEachBroker, type TestBroker } from '../../support/brokers.ts';
import { startProcess } from '../../support/processes.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { FakeServer } from './fake-server.ts';
import { FetchingDevice, hashesOf, type Published, published } from './fetching-device.ts';

/** Of a new connection: its acknowledgements. */
const GREETING_BYTES = 1024;

describeWithEachBroker('a broken-off fetch', (startBroker) => {
  let broker: TestBroker;
  let proxy: TcpProxy;
  let server: FakeServer;
  let wanted: Published;
  let oneChunk: number;

  beforeEach(async () => {
    broker = await startBroker();
    proxy = await new TcpProxy(broker.port).start();
    server = await new FakeServer().start(broker.url);
    wanted = published(
      new Map([
        ['manifest.json', Buffer.from('{}')],
        ['model.onnx', randomBytes(2 ** 20)],
      ]),
    );
    oneChunk = Math.max(...[...wanted.chunked.chunks.values()].map((plain) => encodeChunk(plain).length));
    await server.publishChunks(wanted.chunked);
  });

  afterEach(async () => {
    await server.stop();
    await proxy.stop();
    await broker.stop();
  });

  /** @returns what a fetch with nothing broken takes */
  async function undisturbed(): Promise<number> {
    const device = await new FetchingDevice({ broker: broker.url }).start();
    await device.fetch(wanted.ref);
    await device.stop();
    return device.link.bytesReceived;
  }

  it.each([0.1, 0.4, 0.7, 0.95])('at %f of the way costs at most one chunk again', async (share) => {
    const whole = await undisturbed();
    const device = await new FetchingDevice({ broker: proxy.url }).start();
    proxy.cutAfter(share * whole);
    expect(hashesOf(await device.fetch(wanted.ref))).toEqual(hashesOf(wanted.files));
    expect(proxy.connections).toBe(2);
    expect(device.link.bytesReceived - whole).toBeLessThanOrEqual(oneChunk + GREETING_BYTES);
    await device.stop();
  });

  it('costs as much as the cuts are, and comes to its end, on a line that breaks again and again', async () => {
    const whole = await undisturbed();
    const device = await new FetchingDevice({ broker: proxy.url }).start();
    const cuts = 8;
    proxy.cutAfter(whole / cuts, cuts);
    expect(hashesOf(await device.fetch(wanted.ref))).toEqual(hashesOf(wanted.files));
    expect(proxy.connections).toBeGreaterThan(cuts / 2);
    const again = device.link.bytesReceived - whole;
    expect(again).toBeLessThanOrEqual((proxy.connections - 1) * (oneChunk + GREETING_BYTES));
    await device.stop();
  });

  it('costs at most one chunk again when the broker comes back without what it retained', async () => {
    const whole = await undisturbed();
    const device = await new FetchingDevice({ broker: proxy.url }).start();
    proxy.throttle(2 ** 20);
    const fetching = device.fetch(wanted.ref);
    await waitFor('half of it', () => device.link.bytesReceived > whole / 2);
    await broker.restart();
    await server.publishChunks(wanted.chunked);
    expect(hashesOf(await fetching)).toEqual(hashesOf(wanted.files));
    expect(device.link.bytesReceived - whole).toBeLessThanOrEqual(oneChunk + GREETING_BYTES);
    await device.stop();
  });

  it('costs at most one chunk again when the device is killed', async () => {
    const whole = await undisturbed();
    const dataDir = mkdtempSync(join(tmpdir(), 'andon-killed-'));
    const start = () =>
      startProcess('test/agent/sync/fetching-process.ts', [proxy.url, dataDir, JSON.stringify(wanted.ref)]);
    // As slow as a real line: a process takes what comes before more is there.
    proxy.throttle(2 ** 20);
    const first = start();
    await waitFor('half of it', () => proxy.bytesDown > whole / 2, 30_000);
    await first.end('SIGKILL');
    const second = start();
    await second.logged('fetched');
    await second.end();
    expect(proxy.bytesDown - whole).toBeLessThanOrEqual(oneChunk + GREETING_BYTES);
    rmSync(dataDir, { recursive: true });
  });
});
