/** Whether an update fits on the disk, asked before the first byte of it is fetched. */
import { statfs } from 'node:fs/promises';
import { agentError } from '../errors.ts';
import { makeFolder } from '../made-folder.ts';

/** What an update must leave free: predictions are worth more than a model. */
const MARGIN_BYTES = 16 * 1024 * 1024;

/**
 * @param folder made when missing
 * @param neededBytes of chunks and package together
 * @throws CodedError DISK_TOO_FULL
 */
export async function checkDiskRoom(folder: string, neededBytes: number): Promise<void> {
  makeFolder(folder);
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes + MARGIN_BYTES) return;
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw agentError(
    'DISK_TOO_FULL',
    `the update needs ${mib(neededBytes + MARGIN_BYTES)} on the disk, ${mib(freeBytes)} are free`,
    { hint: 'Free some room, or lower store.maxBytes in device.config.json; it is tried again by itself.' },
  );
}
