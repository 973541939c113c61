/** The engine's program with a leak built in: a batch whose first value is `LEAK` keeps so many MiB for ever. */
import { beforeRun } from './before-run.ts';

/** Keep equal to the constants of the tests that use this program. */
const LEAK = 777;
const LEAK_MIB = 64;

const leaked: Buffer[] = [];
beforeRun((first) => {
  if (first === LEAK) leaked.push(Buffer.alloc(LEAK_MIB * 2 ** 20, 1));
});

await import('../../agent/inference/engine-main.ts');
