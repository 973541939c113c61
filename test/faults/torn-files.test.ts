/** Files that are torn while nobody looks: what can be recovered is, what cannot is told of, and the device works on. */
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeServer } from '../agent/sync/fake-server.ts';
import { freePort, startAedes } from '../support/brokers.ts';
import { chunked } from '../support/chunks.ts';
import { hashOf, makePackage, writePackage } from '../support/packages.ts';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { seededRandom, testTimeoutMs, times } from './support/form.ts';
import { countPlates } from './support/ledger.ts';
import { endExactlyOnce } from './support/outcome.ts';
import { Registry } from './support/registry.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';
import { TINY_EVERY_MS, tinySamplesCsv } from './support/tiny-samples.ts';

const SAMPLES = times(5000, 20_000);
const PAGE_BYTES = 4096;

/** Turns every bit of some bytes. */
function damage(file: string, from: number, bytes: number): void {
  const content = readFileSync(file);
  for (let at = from; at < Math.min(from + bytes, content.length); at++) {
    content.writeUInt8(content.readUInt8(at) ^ 0xff, at);
  }
  writeFileSync(file, content);
}

describe('the store of a device', () => {
  it(
    'has every plate exactly once after kills that tore the end of its write-ahead log',
    async () => {
      const random = seededRandom(7);
      const device = new DeviceProcess(newFolder(), { samples: SAMPLES });
      const tears = times(2, 20);
      for (let tear = 0; tear < tears; tear++) {
        await device.start();
        await device.unsentAtLeast(Math.floor(((tear + 1) * SAMPLES) / (tears + 2)));
        await device.kill();
        const log = `${device.database}-wal`;
        truncateSync(log, Math.floor(statSync(log).size * (0.5 + random.uniform() / 2)));
      }
      await device.start();
      await device.unsentAtLeast(SAMPLES);
      await tabulate({
        fault: '7 write-ahead log of the device torn after a kill',
        times: tears,
        ...(await endExactlyOnce(device, { made: SAMPLES })),
        seen: 'nothing: the place in the file went back with the records, which are read again',
      });
    },
    testTimeoutMs,
  );

  /** The place in the replayed file is kept beside the database, too: the replay does not begin again. */
  const damages: { what: string; tear: (file: string) => void }[] = [
    {
      what: 'damaged from its second page on',
      tear: (file) => damage(file, PAGE_BYTES, 100 * PAGE_BYTES),
    },
    {
      what: 'cut in half',
      tear: (file) => truncateSync(file, PAGE_BYTES * Math.floor(statSync(file).size / PAGE_BYTES / 2)),
    },
    { what: 'no database any more', tear: (file) => damage(file, 0, PAGE_BYTES) },
  ];
  it.each(damages.slice(0, times(1, damages.length)))(
    'is salvaged and told of when it is $what; what the server has stays whole',
    async ({ what, tear }) => {
      const folder = newFolder();
      const server = await ServerProcess.start(folder);
      const device = new DeviceProcess(folder, { samples: SAMPLES, broker: server.brokerUrl });
      await device.start();
      await server.receivedAll(device.id, SAMPLES);
      // The server's last word, too.
      await waitFor(async () => (await device.unsent()) === 0, 10_000, 'acknowledgements');
      const { storeEpoch } = (await device.status()).store;
      expect(await device.end()).toBe(0);
      tear(device.database);

      await device.start();
      const counted = await device.countedSome('STORE_CORRUPT');
      const told = /^store-(salvaged|set-aside)$/;
      await waitFor(
        async () => (await device.status()).events.some(({ kind }) => told.test(kind)),
        5000,
        'an event',
      );
      expect((await device.status()).store.storeEpoch).not.toBe(storeEpoch);
      await waitFor(
        async () => (await server.fleet()).devices[0]?.storeEpoch !== storeEpoch,
        10_000,
        'the new epoch at the server',
      );
      await waitFor(async () => (await device.unsent()) === 0, 30_000, 'all to be acknowledged');
      const { dropped } = (await device.status()).store;
      expect(await device.end()).toBe(0);
      const { records, lost, doubled, outOfPlace } = countPlates(
        'server',
        server.database,
        SAMPLES,
        device.id,
      );
      expect({ records, lost, doubled, outOfPlace }).toEqual({
        records: SAMPLES,
        lost: 0,
        doubled: 0,
        outOfPlace: 0,
      });
      await tabulate({
        fault: `7 store of the device is ${what}`,
        times: 1,
        ...{ made: SAMPLES, recorded: SAMPLES, atServer: records, lost, doubled },
        seen: `STORE_CORRUPT ${counted}, an event of what was saved, a second store epoch; ${dropped} unsent records of any stream gone and counted`,
      });
    },
    testTimeoutMs,
  );

  it(
    'is salvaged by the running agent itself when damage shows, and what is gone is counted',
    async () => {
      const folder = newFolder();
      const server = await ServerProcess.start(folder);
      await server.end();
      const port = await freePort();
      const device = new DeviceProcess(folder, {
        samples: SAMPLES,
        broker: server.brokerUrl,
        http: { port },
      });
      await device.start();
      await device.unsentAtLeast(SAMPLES);
      expect(await device.end()).toBe(0);
      const pages = leavesOf(device.database, 'predictions');
      await device.start();
      const { pid } = device;
      // Behind its back, and before it has read them.
      for (const page of pages.slice(20, 22)) damage(device.database, (page - 1) * PAGE_BYTES, PAGE_BYTES);
      await server.start();

      // It answers nothing for a moment, while it starts again.
      const mended = () =>
        device.counted('STORE_CORRUPT').then(
          (count) => count > 0,
          () => false,
        );
      await waitFor(mended, 60_000, () => `the mending\n${device.output}`);
      await waitFor(async () => (await device.unsent()) === 0, 60_000, 'all to be acknowledged');
      const damaged = async () => (await device.status()).alarms.some(({ code }) => code === 'store-damaged');
      await waitFor(damaged, 10_000, 'the alarm');
      const { store, events } = await device.status();
      expect(events.map(({ kind }) => kind)).toContain('store-salvaged');
      expect(device.pid).toBe(pid);
      expect(await device.end()).toBe(0);
      const { records, doubled } = countPlates('server', server.database, SAMPLES, device.id);
      // The pages held some plates, and each is counted.
      expect(store.dropped).toBeGreaterThan(0);
      expect({ uncounted: Math.max(0, SAMPLES - records - store.dropped), doubled }).toEqual({
        uncounted: 0,
        doubled: 0,
      });
      await tabulate({
        fault: '7 store of the device is damaged while its agent runs',
        times: 1,
        ...{
          made: SAMPLES,
          recorded: SAMPLES,
          atServer: records,
          lost: 0,
          doubled,
          counted: SAMPLES - records,
        },
        seen: `STORE_CORRUPT, store-salvaged; the agent mended it without a restart of its process`,
      });
    },
    testTimeoutMs,
  );
});

/** Pages that hold the rows of a table, in the order of the file. */
function leavesOf(file: string, table: string): number[] {
  const sqlite = new BetterSqlite(file, { readonly: true });
  const pages = sqlite
    .prepare<[string], number>(
      "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno",
    )
    .pluck()
    .all(table);
  sqlite.close();
  return pages;
}

describe('a package on the disk of a device', () => {
  it(
    'gives way to the last good model when it is damaged, and to the model of the config when that is too',
    async () => {
      const folder = newFolder();
      const { device, registry } = await deviceOfTinyModels(folder);
      const second = makePackage({ version: 2 });
      const third = makePackage({ version: 3 });
      for (const files of [second, third]) {
        await registry.reports(await registry.want(files), 'committed', 'a good model');
      }
      await fallsBack(device, third, second);
      // The package of the config is kept no more, but its folder is there.
      await fallsBack(device, second, makePackage({ version: 1 }));
      await tabulate({
        fault: '7 package of the champion damaged on the disk',
        times: 2,
        ...(await endExactlyOnce(device)),
        seen: 'PACKAGE_HASH_MISMATCH, rolled back in the reported state',
      });
    },
    testTimeoutMs,
  );

  it(
    'is put together in the end when chunks that it had already fetched are damaged',
    async () => {
      const folder = newFolder();
      const { device, registry, server } = await deviceOfTinyModels(folder);
      // Other weights than the model at work, or most of its chunks would be there already.
      const files = makePackage({ version: 2, graph: { weights: [[2, -3]] } });
      const { chunks } = chunked(files);
      /** The last of its files, and the index. */
      const fetched = [...chunks.keys()].slice(-3);
      const ref = await registry.want(files, { only: fetched });
      const folderOfChunks = join(device.dataDir, 'chunks');
      const kept = () => fetched.filter((name) => existsSync(join(folderOfChunks, name)));
      await waitFor(() => kept().length === fetched.length, 10_000, 'the first chunks');
      await device.kill();
      for (const name of kept()) damage(join(folderOfChunks, name), 0, 10);
      await device.start();
      await server.publishChunks(chunked(files));
      await registry.reports(ref, 'committed', 'the model of damaged chunks');
    },
    testTimeoutMs,
  );
});

it(
  'keeps the server from starting on a torn database, with words on what to do',
  async () => {
    const folder = newFolder();
    const server = await ServerProcess.start(folder);
    expect(await server.end()).toBe(0);
    damage(server.database, 0, PAGE_BYTES);
    const sizeBytes = statSync(server.database).size;
    const refusing = server.spawn();
    const line = await refusing.logged('not-started');
    expect(line).toMatchObject({ code: 'STORE_CORRUPT', hint: expect.stringContaining('backup') });
    await waitFor(() => refusing.ended, 5000, 'its end');
    expect(refusing.child.exitCode).toBe(1);
    expect(statSync(server.database).size).toBe(sizeBytes);
  },
  testTimeoutMs,
);

async function deviceOfTinyModels(folder: string) {
  const broker = await startAedes();
  onTestFinished(() => broker.stop());
  const server = await new FakeServer().start(broker.url);
  onTestFinished(() => server.stop());
  const first = makePackage({ version: 1 });
  const device = new DeviceProcess(folder, {
    broker: broker.url,
    everyMs: TINY_EVERY_MS,
    csv: tinySamplesCsv(1),
    slot: {
      model: writePackage(join(folder, 'champion'), first),
      probation: { predictions: 50, forMs: 0 },
      // A newcomer that looks on records its own opinions: here each record is a plate.
      selfTest: { shadowSamples: 0 },
    },
    metadata: server.team.sign(first).writeMetadata(join(folder, 'metadata')),
  });
  await device.start();
  return { device, server, registry: new Registry(server, device.id) };
}

async function fallsBack(
  device: DeviceProcess,
  from: ReadonlyMap<string, Buffer>,
  to: ReadonlyMap<string, Buffer>,
): Promise<void> {
  await device.end();
  damage(join(device.dataDir, 'packages', hashOf(from), 'model.onnx'), 20, 20);
  await device.start();
  await device.countedSome('PACKAGE_HASH_MISMATCH');
  const seq = await device.lastSeq();
  await waitFor(async () => (await device.lastSeq()) > seq + 10, 10_000, 'predictions');
  expect((await device.status()).slots[0]?.champion?.manifestSha256).toBe(hashOf(to));
}
