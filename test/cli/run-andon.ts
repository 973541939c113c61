/** Runs the `andon` command as a person would: its own process, what it printed, its exit code. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Finished, finished } from '../support/finished-process.ts';

const ENTRY = fileURLToPath(new URL('../../cli/andon.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export function runAndon(...args: string[]): Promise<Finished> {
  return finished(
    spawn(process.execPath, ['--import', 'tsx', ENTRY, ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}
