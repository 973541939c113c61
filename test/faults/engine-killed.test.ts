/** Promise 5: an engine that is killed, crashes or hangs at full load costs no sample, and the page answers throughout. */
import { expect, it } from 'vitest';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { enginePid } from './support/engine-pid.ts';
import { tabulate } from './support/fault-table.ts';
import { moment, seededRandom, testTimeoutMs, times } from './support/form.ts';
import { endExactlyOnce, type Outcome, totalOf } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { Watch } from './support/watch.ts';

/** A device each: so few deaths within a minute are replaced at once. */
const ROUNDS = times(1, 10);
const SAMPLES = times(100_000, 200_000);
const ENGINE_TIMEOUT_MS = 400;
/** The promise is 1 s; a machine that runs many tests at once gets more. */
const GOES_ON_WITHIN_MS = 5000;

const FAULTS = [
  { signal: 'SIGKILL', code: 'ENGINE_CRASHED', noticedWithinMs: 0 },
  { signal: 'SIGSEGV', code: 'ENGINE_CRASHED', noticedWithinMs: 0 },
  { signal: 'SIGSTOP', code: 'ENGINE_TIMEOUT', noticedWithinMs: 2 * ENGINE_TIMEOUT_MS },
] as const;

it(
  'replaces an engine that is killed, crashes or stands still, with its work and no sample lost, while the page answers',
  async () => {
    const random = seededRandom(3);
    const outcomes: Outcome[] = [];
    const standstillsMs: Record<string, number[]> = {};
    let slowestPageMs = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const device = new DeviceProcess(newFolder(), {
        samples: SAMPLES,
        engine: { timeoutMs: ENGINE_TIMEOUT_MS },
      });
      await device.start();
      for (const { signal, code, noticedWithinMs } of FAULTS) {
        const seq = await device.lastSeq();
        await waitFor(async () => (await device.lastSeq()) > seq, 10_000, 'predictions');
        const watch = new Watch(device).start();
        await moment(random.uniform() * 200);
        const before = await device.counted(code);
        await strike(device, signal);
        await waitFor(async () => (await device.counted(code)) > before, 10_000, code);
        const afterFault = await device.lastSeq();
        await waitFor(
          async () => (await device.lastSeq()) > afterFault,
          10_000,
          `predictions after ${signal}`,
        );
        await watch.stop();
        expect(watch.failures).toEqual([]);
        expect(watch.slowestAnswerMs).toBeLessThan(2000);
        expect(watch.longestStandstillMs).toBeLessThan(GOES_ON_WITHIN_MS + noticedWithinMs);
        standstillsMs[signal] = [...(standstillsMs[signal] ?? []), watch.longestStandstillMs];
        slowestPageMs = Math.max(slowestPageMs, watch.slowestAnswerMs);
      }
      await device.unsentAtLeast(SAMPLES);
      const { counters, engine } = await device.status();
      expect(engine).toMatchObject({ alive: true, restarts: FAULTS.length });
      expect(counters).toMatchObject({ ENGINE_CRASHED: 2, ENGINE_TIMEOUT: 1 });
      expect(counters.SAMPLE_DROPPED).toBeUndefined();
      outcomes.push(await endExactlyOnce(device, { made: SAMPLES }));
    }
    const standstills = Object.entries(standstillsMs).map(
      ([signal, ms]) => `${signal} ${Math.round(median(ms))} (at most ${Math.round(Math.max(...ms))})`,
    );
    await tabulate({
      fault: '3 engine gets SIGKILL, SIGSEGV, SIGSTOP at full load',
      times: ROUNDS * FAULTS.length,
      ...totalOf(outcomes),
      seen: `ENGINE_CRASHED ${2 * ROUNDS}, ENGINE_TIMEOUT ${ROUNDS}; ms without a new prediction: ${standstills.join(', ')}; slowest page ${Math.round(slowestPageMs)} ms`,
    });
  },
  testTimeoutMs,
);

/** The engine of this moment gets the signal. */
async function strike(device: DeviceProcess, signal: NodeJS.Signals): Promise<void> {
  let pid: number | undefined;
  await waitFor(
    () => {
      pid = enginePid(device.pid);
      return pid !== undefined;
    },
    10_000,
    'an engine process',
  );
  if (pid !== undefined) process.kill(pid, signal);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
