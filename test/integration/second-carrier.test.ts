/** A broker that keeps nothing and passes no chunks: the model comes over HTTP, through real processes and the whole way in. */
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { expect, it, onTestFinished, vi } from 'vitest';
import { parseServerConfig } from '../../sync-server/config/load.ts';
import { startServer } from '../../sync-server/main.ts';
import { DeviceProcess, SLOT } from '../faults/support/device-process.ts';
import { newFolder } from '../faults/support/scene.ts';
import { TINY_EVERY_MS, tinySamplesCsv } from '../faults/support/tiny-samples.ts';
import { publishPackage } from '../support/admin-client.ts';
import { freePort } from '../support/brokers.ts';
import { hashOf, makePackage, writePackage } from '../support/packages.ts';
import { waitFor } from '../support/processes.ts';
import { TestTeam } from '../support/trust.ts';

vi.setConfig({ testTimeout: 90_000 });

/** @returns its port, and how many chunks were held back */
async function brokerWithoutMemory(): Promise<{ port: number; heldBack: () => number }> {
  let heldBack = 0;
  const broker = await Aedes.createBroker({
    authorizePublish: (_client, packet, done) => {
      packet.retain = false;
      const isOfChunks = packet.topic.startsWith('andon/v1/chunks/') || packet.topic.endsWith('/want');
      if (isOfChunks) {
        heldBack += 1;
        packet.topic = 'andon/v1/nowhere';
      }
      done(null);
    },
  });
  const tcp = createServer(broker.handle);
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    tcp.close();
  });
  return { port: (tcp.address() as AddressInfo).port, heldBack: () => heldBack };
}

it('installs a model from the server’s packs when the broker hands out nothing', async () => {
  const folder = newFolder();
  const broker = await brokerWithoutMemory();
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const champion = makePackage({ version: 1 });
  const next = makePackage({ version: 2, graph: { weights: [[2, -1]] } });
  const team = new TestTeam().sign(champion, next);
  const dataDir = join(folder, 'server');
  team.prepareServer(dataDir);
  const port = await freePort();
  const server = await startServer(
    parseServerConfig(
      {
        dataDir,
        broker: { kind: 'external', url },
        http: { port },
        rollouts: { everyMs: 50 },
        log: { level: 'fatal' },
      },
      folder,
    ),
  );
  onTestFinished(() => server.stop());
  for (const files of [champion, next]) await publishPackage(server.url, files);

  const device = new DeviceProcess(folder, {
    broker: url,
    sync: { chunksUrl: `${server.url}/chunks` },
    everyMs: TINY_EVERY_MS,
    csv: tinySamplesCsv(7),
    slot: { model: writePackage(join(folder, 'champion'), champion) },
    metadata: team.writeMetadata(join(folder, 'metadata')),
  });
  await device.start();
  await waitFor(async () => (await rollOut(server.url)) === 201, 20_000, 'a device to roll out to');
  await waitFor(
    async () => (await device.status()).slots[0]?.challenger?.manifestSha256 === hashOf(next),
    40_000,
    () => `the new model beside the champion\n${device.output}`,
  );
  expect(broker.heldBack()).toBeGreaterThan(0);
  expect((await device.status()).counters).toEqual({});
});

/** @returns the status: 409 while no device runs the slot */
async function rollOut(serverUrl: string): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ slot: SLOT, model: 'tiny@2' });
  return (await fetch(`${serverUrl}/api/rollouts`, { method: 'POST', headers, body })).status;
}
