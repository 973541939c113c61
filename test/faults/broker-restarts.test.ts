/** Promise 3: a broker that forgets all it held, over and over, costs no record. */
import { it, onTestFinished } from 'vitest';
import { describeWithEachBroker } from '../support/brokers.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { moment, seededRandom, testTimeoutMs, times } from './support/form.ts';
import { endExactlyOnce } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const RESTARTS = times(2, 40);
const SAMPLES = times(30_000, 600_000);

describeWithEachBroker('a broker that restarts with nothing kept', (startBroker) => {
  it(
    'hands on every plate exactly once',
    async ({ task }) => {
      const random = seededRandom(5);
      const folder = newFolder();
      const broker = await startBroker();
      onTestFinished(() => broker.stop());
      const server = await ServerProcess.start(folder, broker.url);
      const device = new DeviceProcess(folder, { samples: SAMPLES, broker: broker.url });
      await device.start();
      for (let restarts = 0; restarts < RESTARTS; restarts++) {
        await moment(random.uniform() * 600);
        await broker.restart();
      }
      await server.receivedAll(device.id, SAMPLES);
      const lostLinks = await device.counted('BROKER_UNREACHABLE');
      await tabulate({
        fault: `5 broker restarted, nothing kept ${task.suite?.name.includes('Mosquitto') ? '(Mosquitto)' : '(aedes)'}`,
        times: RESTARTS,
        ...(await endExactlyOnce(device, { made: SAMPLES, server })),
        seen: `BROKER_UNREACHABLE ${lostLinks}`,
      });
    },
    testTimeoutMs,
  );
});
