/** Promise 5: an engine that eats memory or stands still is contained: no sample lost, and the page answers throughout. */
import { expect, it } from 'vitest';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { enginePid } from './support/engine-pid.ts';
import { tabulate } from './support/fault-table.ts';
import { moment, seededRandom, testTimeoutMs, times } from './support/form.ts';
import { endExactlyOnce, type Outcome, totalOf } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { Watch } from './support/watch.ts';

const ROUNDS = times(1, 5);
const SAMPLES = times(30_000, 200_000);
/** Smaller than any engine with a model: each look finds it too large. */
const MAX_RSS_MIB = 40;

it(
  'makes an engine that holds too much memory anew at full load, with no sample lost and none twice',
  async () => {
    const outcomes: Outcome[] = [];
    let standstillMs = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const device = new DeviceProcess(newFolder(), {
        samples: SAMPLES,
        engine: { maxRssMiB: MAX_RSS_MIB },
      });
      await device.start();
      const watch = new Watch(device).start();
      await device.countedSome('ENGINE_RENEWED');
      await device.unsentAtLeast(SAMPLES, 60_000);
      await watch.stop();
      expect(watch.failures).toEqual([]);
      const { counters, engine } = await device.status();
      expect(engine).toMatchObject({ alive: true, restarts: 0 });
      expect(counters.SAMPLE_DROPPED).toBeUndefined();
      standstillMs = Math.max(standstillMs, watch.longestStandstillMs);
      outcomes.push(await endExactlyOnce(device, { made: SAMPLES }));
    }
    await tabulate({
      fault: '3 engine holds too much memory at full load',
      times: ROUNDS,
      ...totalOf(outcomes),
      seen: `ENGINE_RENEWED ${ROUNDS}, no restart; at most ${Math.round(standstillMs)} ms without a new prediction`,
    });
  },
  testTimeoutMs,
);

it(
  'knows an engine that stands still from the model’s own times, long before its certain limit',
  async () => {
    const random = seededRandom(11);
    const outcomes: Outcome[] = [];
    const standstillsMs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // With the certain limit alone no prediction would come before the test's own end.
      const device = new DeviceProcess(newFolder(), { samples: SAMPLES, engine: { timeoutMs: 600_000 } });
      await device.start();
      await waitFor(async () => (await device.lastSeq()) > 1000, 30_000, 'predictions');
      const watch = new Watch(device).start();
      await moment(random.uniform() * 100);
      process.kill(enginePid(device.pid) ?? Number.NaN, 'SIGSTOP');
      await device.countedSome('ENGINE_TIMEOUT');
      await device.unsentAtLeast(SAMPLES, 60_000);
      await watch.stop();
      expect(watch.failures).toEqual([]);
      const { counters, engine } = await device.status();
      expect(engine).toMatchObject({ alive: true, restarts: 1 });
      expect(counters.SAMPLE_DROPPED).toBeUndefined();
      standstillsMs.push(watch.longestStandstillMs);
      outcomes.push(await endExactlyOnce(device, { made: SAMPLES }));
    }
    await tabulate({
      fault: '3 engine gets SIGSTOP at full load, certain limit 10 min',
      times: ROUNDS,
      ...totalOf(outcomes),
      seen: `ENGINE_TIMEOUT ${ROUNDS}; at most ${Math.round(Math.max(...standstillsMs))} ms without a new prediction`,
    });
  },
  testTimeoutMs,
);
