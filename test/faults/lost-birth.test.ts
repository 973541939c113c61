/** Promise 3: where a broker loses the word that a database goes on from another, nothing is taken twice until it is said again. */
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { AgentApi } from '../../cli/agent-api.ts';
import { fetchBackup } from '../../cli/store/fetch-backup.ts';
import { restoreStore } from '../../cli/store/restore-store.ts';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { restartsTimeoutMs, seededRandom, times } from './support/form.ts';
import { countPlates, exactlyOnce } from './support/ledger.ts';
import { LyingBroker } from './support/lying-broker.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const SAMPLES = times(3000, 50_000);
const RESTORES = times(1, 10);
/** That of the connect, and the first one that the server asked for. */
const LOST = 2;

it(
  'has every plate exactly once at the server although the births of a restored device got lost',
  async () => {
    const folder = newFolder();
    const broker = await new LyingBroker(seededRandom(410)).start();
    broker.becomeHonest();
    onTestFinished(() => broker.stop());
    const server = await ServerProcess.start(folder, broker.url);
    await server.end();
    const device = new DeviceProcess(folder, { samples: SAMPLES, broker: broker.url });
    await device.start();
    await device.unsentAtLeast(SAMPLES);
    const backup = join(folder, 'backup.db');
    await fetchBackup(new AgentApi(device.url), backup, {
      ...{ pin: undefined, replace: false },
      onProgress: () => undefined,
    });
    await server.start();
    await waitFor(async () => (await device.unsent()) === 0, restartsTimeoutMs, 'all to be acknowledged');
    for (let restore = 0; restore < RESTORES; restore++) {
      expect(await device.end()).toBe(0);
      restoreStore(backup, device.dataDir);
      broker.loseBirths(LOST);
      await device.start();
      await waitFor(
        async () => (await device.unsent()) === 0,
        restartsTimeoutMs,
        'all to be acknowledged again',
      );
      // The second of them was said because the server asked.
      expect(broker.birthsToLose).toBe(0);
    }
    const unborn = (await server.fleet()).refused.EPOCH_UNBORN ?? 0;
    expect(unborn).toBeGreaterThan(0);
    expect(await device.end()).toBe(0);
    const there = countPlates('server', server.database, SAMPLES, device.id);
    expect(there).toEqual(exactlyOnce(SAMPLES));
    await tabulate({
      fault: '7 births of a restored device lost',
      times: RESTORES * LOST,
      ...{ made: SAMPLES, recorded: SAMPLES, atServer: there.records },
      ...{ lost: there.lost, doubled: there.doubled },
      seen: `EPOCH_UNBORN ${unborn}: batches not taken before a birth, which the server asked for again`,
    });
  },
  restartsTimeoutMs,
);
