/** An update that does not fit says so before its first byte, and leaves predictions their room. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkDiskRoom } from '../../../agent/sync/disk-room.ts';

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
