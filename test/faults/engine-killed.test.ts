/** Promise 5: an engine that is killed, crashes or hangs at full load costs no sample, and the page answers throughout. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { projectRoot, waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { enginePid } from './support/engine-pid.ts';
import { tabulateEngine } from './support/fault-table.ts';
import { isLong, moment, seededRandom, testTimeoutMs } from './support/form.ts';
import { endExactlyOnce, type Outcome, totalOf } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { Watch } from './support/watch.ts';

/** So few deaths within a minute are replaced at once. */
const STRIKES_A_DEVICE = 3;
const DEVICES_A_SIGNAL = 8;
/** What a service runs; an engine starts from TypeScript in four times the time. */
const BUILT = 'dist/agent/start.js';
const BUILD_MS = 120_000;
const SAMPLES = 100_000;
/** The promise is 1 s; a machine that runs many tests at once gets more. */
const GOES_ON_WITHIN_MS = 10_000;
const WAIT_MS = 30_000;

const CODES = { SIGKILL: 'ENGINE_CRASHED', SIGSEGV: 'ENGINE_CRASHED', SIGSTOP: 'ENGINE_TIMEOUT' } as const;
type Signal = keyof typeof CODES;
const SIGNALS = Object.keys(CODES) as Signal[];

interface Struck {
  readonly outcome: Outcome;
  readonly watches: readonly Watch[];
}

it.runIf(isLong)(
  'comes back from each of many faults within a second, with no sample lost and the page answering',
  async () => {
    await promisify(execFile)(process.execPath, ['cli/build.mjs'], { cwd: projectRoot, timeout: BUILD_MS });
    const random = seededRandom(3);
    for (const signal of SIGNALS) {
      const all: Struck[] = [];
      for (let device = 0; device < DEVICES_A_SIGNAL; device++) {
        all.push(await strikeDevice(new Array<Signal>(STRIKES_A_DEVICE).fill(signal), random, BUILT));
      }
      const watches = all.flatMap((struck) => struck.watches);
      await tabulateEngine({
        fault: `engine gets ${signal}`,
        ...totalOf(all.map(({ outcome }) => outcome)),
        pages: watches.reduce((sum, { answers }) => sum + answers, 0),
        slowestPageMs: Math.max(...watches.map(({ slowestAnswerMs }) => slowestAnswerMs)),
        standstillsMs: watches.map(({ longestStandstillMs }) => longestStandstillMs),
      });
    }
  },
  testTimeoutMs,
);

it.runIf(!isLong)(
  'replaces an engine that is killed, crashes or stands still, with its work and no sample lost, while the page answers',
  async () => {
    await strikeDevice(SIGNALS, seededRandom(3));
  },
  testTimeoutMs,
);

/** A device of its own, whose engine gets these signals one after the other while it works through its samples. */
async function strikeDevice(
  signals: readonly Signal[],
  random: { uniform(): number },
  program = 'agent/start.ts',
): Promise<Struck> {
  const device = new DeviceProcess(newFolder(), { samples: SAMPLES, program });
  await device.start();
  const watches: Watch[] = [];
  for (const signal of signals) {
    const code = CODES[signal];
    // Also enough runs for the model's own times to be known.
    const seq = (await device.lastSeq()) + 1000;
    await waitFor(async () => (await device.lastSeq()) > seq, WAIT_MS, 'predictions');
    const watch = new Watch(device).start();
    await moment(random.uniform() * 200);
    const before = await device.counted(code);
    await strike(device, signal);
    await waitFor(async () => (await device.counted(code)) > before, WAIT_MS, code);
    const afterFault = await device.lastSeq();
    await waitFor(async () => (await device.lastSeq()) > afterFault, WAIT_MS, `predictions after ${signal}`);
    await watch.stop();
    expect(watch.failures).toEqual([]);
    expect(watch.longestStandstillMs).toBeLessThan(GOES_ON_WITHIN_MS);
    watches.push(watch);
  }
  await device.unsentAtLeast(SAMPLES);
  const { counters, engine } = await device.status();
  expect(engine).toMatchObject({ alive: true, restarts: signals.length });
  expect(counters.SAMPLE_DROPPED).toBeUndefined();
  return { outcome: await endExactlyOnce(device, { made: SAMPLES }), watches };
}

/** The engine of this moment gets the signal. */
async function strike(device: DeviceProcess, signal: NodeJS.Signals): Promise<void> {
  let pid: number | undefined;
  await waitFor(
    () => {
      pid = enginePid(device.pid);
      return pid !== undefined;
    },
    WAIT_MS,
    'an engine process',
  );
  if (pid !== undefined) process.kill(pid, signal);
}
