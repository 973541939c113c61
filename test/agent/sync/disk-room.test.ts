/** An update that does not fit says so before its first byte, and leaves predictions their room. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkDiskRoom } from '../../../agent/sync/disk-room.ts';
import { newFolder } from '../../faults/support/scene.ts';
import { describeWithSmallDisk, SmallDisk } from '../../faults/support/small-disk.ts';
import { startAedes } from '../../support/brokers.ts';
import { FakeServer } from './fake-server.ts';
import { FetchingDevice, hashesOf, published } from './fetching-device.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-room-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('makes the folder where it will be, and says nothing when there is room', async () => {
  const packages = join(folder, 'agent', 'packages');
  await checkDiskRoom(packages, 1000);
  expect(existsSync(packages)).toBe(true);
});

it('names what is needed, what is there, and what to do', async () => {
  await expect(checkDiskRoom(folder, 2 ** 60)).rejects.toMatchObject({
    code: 'DISK_TOO_FULL',
    message: expect.stringMatching(/needs 10995\d+ MiB on the disk, \d+ MiB are free/),
    hint: expect.stringContaining('tried again by itself'),
  });
});

describeWithSmallDisk('a disk of 24 MiB', () => {
  const packageOf = (mebibytes: number) =>
    published(
      new Map([
        ['manifest.json', Buffer.from('{}')],
        ['model.onnx', randomBytes(mebibytes * 2 ** 20)],
      ]),
    );

  it('takes what leaves room for predictions, and nothing of what does not', async () => {
    const disk = new SmallDisk(newFolder(), 24);
    const broker = await startAedes();
    const server = await new FakeServer().start(broker.url);
    const device = await new FetchingDevice({ broker: broker.url, dataDir: disk.folder }).start();
    const [small, large] = [packageOf(1), packageOf(6)];
    for (const { chunked } of [small, large]) await server.publishChunks(chunked);

    let reason: string | null = null;
    const fetching = device.fetch(large.ref, (_have, _want, waitsFor) => {
      reason = waitsFor;
    });
    await expect(fetching).rejects.toMatchObject({ code: 'DISK_TOO_FULL' });
    expect(reason).toMatch(/the update needs 29 MiB on the disk, 2\d MiB are free/);
    expect(device.link.bytesReceived).toBeLessThan(100_000);
    expect(device.chunksOnDisk).toBe(1);
    expect(hashesOf(await device.fetch(small.ref))).toEqual(hashesOf(small.files));

    await device.stop();
    await server.stop();
    await broker.stop();
  });
});
