/** Loaded into an engine process, it builds a native crash in: any batch whose first value is `CRASH` aborts the process. */
import { beforeRun } from './before-run.ts';

/** Keep equal to the constant of the tests that use this program. */
const CRASH = 666;

beforeRun((first) => {
  if (first === CRASH) process.abort();
});
