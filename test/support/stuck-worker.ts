/**
 * Ends a test process whose event loop stands still, and says where it stands. No timeout of a test can do that: a loop
 * that never gives the turn back, or a call that waits for another process, would hold up the whole run for ever.
 */
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';

const LOOK_EVERY_MS = 5000;
/** More than the longest piece of work of a test that does not let go in between, on a slow machine. */
const STANDS_STILL_MS = process.env.ANDON_FAULTS === 'long' ? 30 * 60_000 : 4 * 60_000;

const beats = new Int32Array(new SharedArrayBuffer(4));
setInterval(() => Atomics.add(beats, 0, 1), LOOK_EVERY_MS / 5).unref();

new Worker(new URL('./stuck-worker-watch.mjs', import.meta.url), {
  workerData: {
    beats,
    testPath: expect.getState().testPath,
    lookEveryMs: LOOK_EVERY_MS,
    standsStillMs: STANDS_STILL_MS,
  },
  // What a test sets for its own process is not for the one who watches.
  execArgv: [],
}).unref();
