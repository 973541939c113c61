/** A device whose wall clock jumps hours both ways while it works: order, delivery and durability never rest on it. */
import Database from 'better-sqlite3';
import { it, onTestFinished } from 'vitest';
import { describeWithFakeClock, FakeClock } from '../support/fake-clock.ts';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { seededRandom, testTimeoutMs, times } from './support/form.ts';
import { endExactlyOnce } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const JUMPS = times(6, 100);
const RESTART_EVERY = times(3, 20);
const SAMPLES_A_JUMP = 1500;
const SAMPLES = (JUMPS + 2) * SAMPLES_A_JUMP;
const MOST_HOURS = 12;
const HOUR_MS = 3_600_000;

describeWithFakeClock('a device whose clock jumps', () => {
  it(
    'delivers every plate exactly once and in order, and tells of the jumps',
    async () => {
      const random = seededRandom(77);
      const folder = newFolder();
      const server = await ServerProcess.start(folder);
      const clock = new FakeClock(Date.now());
      onTestFinished(() => clock.remove());
      const device = new DeviceProcess(folder, {
        ...{ samples: SAMPLES, everyMs: 1, broker: server.brokerUrl, env: clock.env },
      });
      await device.start();
      for (let jump = 1; jump <= JUMPS; jump++) {
        const goal = jump * SAMPLES_A_JUMP;
        await waitFor(
          async () => (await device.lastSeq()) >= goal,
          60_000,
          () => `plate ${goal}\n${device.output}`,
        );
        if (jump % RESTART_EVERY === 0) {
          await device.kill();
          await device.start();
        }
        clock.set(Date.now() + (2 * random.uniform() - 1) * MOST_HOURS * HOUR_MS);
      }
      await server.receivedAll(device.id, SAMPLES);
      const told = () => jumpsAt(server.database);
      // A jump just before a kill, or within a second of the next, is not seen as one.
      await waitFor(
        () => told() >= JUMPS / 4,
        30_000,
        () => `${told()} jumps told of`,
      );
      await tabulate({
        fault: `3 wall clock of the device jumps up to ${MOST_HOURS} hours, both ways`,
        times: JUMPS,
        ...(await endExactlyOnce(device, { made: SAMPLES, server })),
        seen: `the event clock-jumped ${told()} times; ${Math.floor(JUMPS / RESTART_EVERY)} kills in between`,
      });
    },
    testTimeoutMs,
  );
});

function jumpsAt(file: string): number {
  const database = new Database(file, { readonly: true });
  try {
    const count = database.prepare<[], number>("SELECT count(*) FROM events WHERE kind = 'clock-jumped'");
    return count.pluck().get() ?? 0;
  } finally {
    database.close();
  }
}
