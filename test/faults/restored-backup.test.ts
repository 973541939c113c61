/** Promise 3: a device that goes on from a backup sends nothing twice, whatever it had sent since that was made. */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AgentApi } from '../../cli/agent-api.ts';
import { fetchBackup } from '../../cli/store/fetch-backup.ts';
import { restoreStore } from '../../cli/store/restore-store.ts';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { testTimeoutMs, times } from './support/form.ts';
import { countPlates, exactlyOnce } from './support/ledger.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const SAMPLES = times(5000, 50_000);
const RESTORES = times(2, 10);

it(
  'has every plate exactly once at the server after it was put back to a backup from before the server had any',
  async () => {
    const folder = newFolder();
    const server = await ServerProcess.start(folder);
    await server.end();
    const device = new DeviceProcess(folder, { samples: SAMPLES, broker: server.brokerUrl });
    await device.start();
    await device.unsentAtLeast(SAMPLES);
    const backup = join(folder, 'backup.db');
    await fetchBackup(new AgentApi(device.url), backup, {
      ...{ pin: undefined, replace: false },
      onProgress: () => undefined,
    });
    await server.start();
    const epochs = new Set<string>();
    for (let restore = 0; restore <= RESTORES; restore++) {
      await waitFor(async () => (await device.unsent()) === 0, 60_000, 'all to be acknowledged');
      epochs.add((await device.status()).store.storeEpoch);
      expect(await device.end()).toBe(0);
      if (restore === RESTORES) break;
      restoreStore(backup, device.dataDir);
      await device.start();
    }
    expect(epochs.size).toBe(RESTORES + 1);
    const there = countPlates('server', server.database, SAMPLES, device.id);
    expect(there).toEqual(exactlyOnce(SAMPLES));
    await tabulate({
      fault: '7 store of the device put back to a backup',
      times: RESTORES,
      ...{
        made: SAMPLES,
        recorded: SAMPLES,
        atServer: there.records,
        lost: there.lost,
        doubled: there.doubled,
      },
      seen: `the event store-restored; ${RESTORES + 1} store epochs, each goes on from the one before`,
    });
  },
  testTimeoutMs,
);
