/** Promises 2 and 3: an agent that is killed at any moment, over and over, neither loses nor doubles a sample. */
import { expect, it } from 'vitest';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { enginePid, isAlive } from './support/engine-pid.ts';
import { tabulate } from './support/fault-table.ts';
import { moment, seededRandom, testTimeoutMs, times } from './support/form.ts';
import { endExactlyOnce, type Outcome, totalOf } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const KILLS = times(5, 200);
/** A device replays so many plates at full speed, more than fit into one start; then the next device begins. */
const SAMPLES = times(150_000, 1_500_000);
/** From its first prediction. */
const WORKS_FOR_MS = 600;

it(
  'delivers every plate exactly once when the agent is killed at random moments',
  async () => {
    const random = seededRandom(1);
    const folder = newFolder();
    const server = await ServerProcess.start(folder);
    let startMs = 0;
    let kills = 0;
    let atWork = 0;
    const outcomes: Outcome[] = [];
    while (kills < KILLS) {
      const options = { id: `steel-${outcomes.length + 1}`, samples: SAMPLES, broker: server.brokerUrl };
      const device = new DeviceProcess(folder, options);
      const engines: number[] = [];
      if (startMs === 0) startMs = await timeToStart(device);
      while (kills < KILLS && (await server.received(device.id)) < SAMPLES) {
        // By turns: while it starts, and while it works.
        const running = device.spawn();
        if (kills % 2 === 0) await moment(random.uniform() * startMs);
        else {
          // The last plates may have been answered before: then there is nothing more to wait for.
          await Promise.race([running.logged('first-prediction'), server.receivedAll(device.id, SAMPLES)]);
          await moment(random.uniform() * WORKS_FOR_MS);
        }
        if (running.lines.some(({ event }) => event === 'first-prediction')) atWork += 1;
        const engine = enginePid(device.pid);
        if (engine !== undefined) engines.push(engine);
        await device.kill();
        kills += 1;
      }
      await device.start();
      await server.receivedAll(device.id, SAMPLES);
      outcomes.push(await endExactlyOnce(device, { made: SAMPLES, server }));
      await waitFor(() => !engines.some(isAlive), 5000, 'the killed agents’ engines to end');
    }
    expect(atWork).toBeGreaterThan(0);
    await tabulate({
      fault: '1 agent killed (SIGKILL) while it starts and works',
      times: kills,
      ...totalOf(outcomes),
      seen: `${atWork} of the kills after new predictions; ${outcomes.length} device(s), one store epoch each; no engine process left behind`,
    });
  },
  testTimeoutMs,
);

async function timeToStart(device: DeviceProcess): Promise<number> {
  const since = performance.now();
  await device.start();
  const tookMs = performance.now() - since;
  await device.kill();
  return tookMs;
}
