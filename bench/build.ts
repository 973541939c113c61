/** Builds what is installed on a device, for the benches that measure a program from its start. */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const TIMEOUT_MS = 120_000;

/** @returns the folder of the built programs @throws Error with what the build said */
export function build(): string {
  const built = spawnSync(process.execPath, [join(root, 'cli', 'build.mjs'), '--quiet'], {
    cwd: root,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  if (built.status !== 0) throw new Error(`the build failed: ${built.stdout}${built.stderr}`);
  return join(root, 'dist');
}
