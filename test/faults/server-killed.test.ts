/** Promise 3: a server that is killed while it takes records in holds each exactly once in the end. */
import { it } from 'vitest';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { moment, seededRandom, testTimeoutMs, times } from './support/form.ts';
import { endExactlyOnce, type Outcome, totalOf } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const KILLS = times(3, 100);
const SAMPLES = times(60_000, 300_000);
/** From the first record that a new process took in. */
const INGESTS_FOR_MS = 200;

it(
  'holds every plate exactly once when the server, and the broker in it, is killed at random moments',
  async () => {
    const random = seededRandom(2);
    const folder = newFolder();
    const server = await ServerProcess.start(folder);
    let kills = 0;
    const outcomes: Outcome[] = [];
    while (kills < KILLS) {
      const id = `steel-${outcomes.length + 1}`;
      const device = new DeviceProcess(folder, { id, samples: SAMPLES, broker: server.brokerUrl });
      await device.start();
      let received = 0;
      while (kills < KILLS && received < SAMPLES) {
        // The device comes back by itself; only a server that takes records in is worth killing.
        await server.receivedAll(id, received + 1);
        await moment(random.uniform() * INGESTS_FOR_MS);
        received = await server.received(id);
        if (received >= SAMPLES) break;
        await server.kill();
        kills += 1;
        await server.start();
        received = await server.received(id);
      }
      await server.receivedAll(id, SAMPLES);
      outcomes.push(await endExactlyOnce(device, { made: SAMPLES, server }));
    }
    await tabulate({
      fault: '2 server and its embedded broker killed (SIGKILL)',
      times: kills,
      ...totalOf(outcomes),
      seen: `each after new records came in and before the last; devices one after the other: ${outcomes.length}`,
    });
  },
  testTimeoutMs,
);
