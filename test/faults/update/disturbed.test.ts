/** Promises 5 to 8: whatever disturbs an update, the champion decides on, and the update completes when it is over. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../../support/processes.ts';
import { tabulateUpdate } from '../support/fault-table.ts';
import { countPlates, positionReached } from '../support/ledger.ts';
import { newFolder } from '../support/scene.ts';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.ts';
import { Watch } from '../support/watch.ts';
import { type BuiltAgent, buildAgent } from './support/built-agent.ts';
import { CUT_LINK, type Disturbance, HOSTILE_BROKER, hashesOf, ROTTEN } from './support/disturbances.ts';
import { UpdateScene } from './support/update-scene.ts';

/** Far more than it takes, for a machine that runs many tests at once. */
const STANDS_STILL_AT_MOST_MS = 15_000;
const TEST_TIMEOUT_MS = 10 * 60_000;
/** Room for the margin that an update leaves free, and little more. */
const DISK_MEGABYTES = 48;
const ROOM_FOR_ROWS_MEGABYTES = 8;

let agent: BuiltAgent;
beforeAll(async () => {
  agent = await buildAgent();
});
afterAll(() => agent.remove());

it(
  'completes an update past a hostile broker, which is counted',
  async () => {
    const scene = await UpdateScene.prepare('line', agent);
    await scene.device.start();
    for (const disturbance of HOSTILE_BROKER) {
      await tabulateUpdate({
        fault: `4 hostile broker: ${disturbance.name}`,
        times: 1,
        ...(await disturbed(scene, disturbance)),
        lost: 0,
        doubled: 0,
      });
    }
    await endsExactlyOnce(scene);
  },
  TEST_TIMEOUT_MS,
);

it(
  'completes an update over a line that breaks again and again',
  async () => {
    const scene = await UpdateScene.prepare('line', agent, { throughProxy: true });
    await scene.device.start();
    const row = await disturbed(scene, CUT_LINK);
    await endsExactlyOnce(scene);
    await tabulateUpdate({ fault: `3 ${CUT_LINK.name}`, times: 1, ...row, lost: 0, doubled: 0 });
  },
  TEST_TIMEOUT_MS,
);

it(
  'fetches again what rotted on its disk, and leaves none of it there',
  async () => {
    const scene = await UpdateScene.prepare('line', agent);
    const { device } = scene;
    await device.start();
    for (const [what, rot] of Object.entries(ROTTEN)) {
      const files = await scene.release();
      await scene.order(files);
      await waitFor(() => scene.reportsNow(files) === 'fetching', 10_000, 'the order');
      expect(await device.end()).toBe(0);
      const folder = join(device.dataDir, 'chunks');
      mkdirSync(folder, { recursive: true });
      for (const sha256 of hashesOf(files)) rot(join(folder, sha256));
      for (const name of ['half.tmp', 'README', 'A'.repeat(64)]) writeFileSync(join(folder, name), 'x');
      mkdirSync(join(folder, 'lost+found'));
      await device.start();
      const watch = new Watch(device).start();
      await scene.want(files);
      await completes(scene, files, watch, what);
    }
    await endsExactlyOnce(scene);
    await tabulateUpdate({
      fault: `5 chunk store rotten: ${Object.keys(ROTTEN).join(', ')} in place of each chunk, strange names`,
      times: Object.keys(ROTTEN).length,
      served: 'its champion, from the start on',
      ended: 'completed; what was rotten is gone',
      lost: 0,
      doubled: 0,
    });
  },
  TEST_TIMEOUT_MS,
);

describeWithSmallDisk('a disk that others fill in an update', () => {
  it(
    'waits for room and completes, with the champion at work',
    async () => {
      const disk = new SmallDisk(newFolder(), DISK_MEGABYTES);
      const scene = await UpdateScene.prepare('line', agent, { dataDir: join(disk.folder, 'agent') });
      const { device } = scene;
      await device.start();
      const first = await scene.release();
      await scene.want(first);
      await scene.reports({ manifestSha256: scene.hashOf(first) }, 'committed');
      const files = await scene.release();
      // Room for a row, and for no model.
      disk.fill();
      disk.freeSome(ROOM_FOR_ROWS_MEGABYTES);
      const watch = new Watch(device).start();
      await scene.want(files);
      const refused = await device.countedSome('DISK_TOO_FULL');
      disk.free();
      await completes(scene, files, watch, 'a full disk');
      expect(await device.end()).toBe(0);
      await tabulateUpdate({
        fault: '6 disk filled by others',
        times: 1,
        served: `its champion; at most ${Math.round(watch.longestStandstillMs)} ms without a new durable prediction`,
        ended: `waited (DISK_TOO_FULL ${refused}), completed when there was room`,
        lost: null,
        doubled: null,
      });
    },
    TEST_TIMEOUT_MS,
  );
});

async function disturbed(
  scene: UpdateScene,
  { name, play, codes }: Disturbance,
): Promise<{ served: string; ended: string }> {
  const { device } = scene;
  const files = await scene.release();
  const before = (await device.status()).counters;
  const watch = new Watch(device).start();
  await play(scene, files);
  await completes(scene, files, watch, name);
  const { counters } = await device.status();
  const counted = codes.map((code) => `${code} ${(counters[code] ?? 0) - (before[code] ?? 0)}`);
  for (const code of codes) expect(counters[code], name).toBeGreaterThan(before[code] ?? 0);
  return {
    served: `its champion; at most ${Math.round(watch.longestStandstillMs)} ms without a new durable prediction`,
    ended: ['completed', ...counted].join(', '),
  };
}

async function completes(
  scene: UpdateScene,
  files: ReadonlyMap<string, Buffer>,
  watch: Watch,
  about: string,
): Promise<void> {
  const { device } = scene;
  expect(await scene.reports({ manifestSha256: scene.hashOf(files) }, 'committed'), about).toBe(true);
  await watch.stop();
  expect(watch.failures, about).toEqual([]);
  expect(watch.longestStandstillMs, about).toBeLessThan(STANDS_STILL_AT_MOST_MS);
  expect((await device.status()).engine.restarts, about).toBe(0);
  await scene.isTidy(about);
}

async function endsExactlyOnce({ device }: UpdateScene): Promise<void> {
  expect(await device.end()).toBe(0);
  const made = positionReached(device.database);
  const { lost, doubled } = countPlates('device', device.database, made, device.id);
  expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
}
