/** Starts an engine process. Imports nothing but Node: the agent does this before it has loaded anything else. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Of the engine process; engine-main knows them too. A pipe for each way: what was answered is read even when a write fails. */
export const REQUESTS_FD = 3;
export const ANSWERS_FD = 4;

/** Each of Node's threads would fill a heap of glibc's malloc of its own, and none is given back: 6 MiB more, and no faster. */
const MALLOC_ARENA_MAX = '2';

/**
 * It waits for its options, and ends itself when its requests are closed.
 * @param entry another program in place of engine-main beside this file
 * @throws Error when the system gives no process (ENOMEM)
 */
export function spawnEngine(entry?: URL): ChildProcess {
  const path = fileURLToPath(entry ?? new URL(`./engine-main${extname(import.meta.url)}`, import.meta.url));
  const child = spawn(process.execPath, [...loaderOf(path), path], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env: { MALLOC_ARENA_MAX, ...process.env },
  });
  // Whoever takes it over sees its end; until then nobody listens, and an unheard error would end the agent.
  child.on('error', () => undefined);
  for (const pipe of child.stdio) pipe?.on('error', () => undefined);
  return child;
}

/** TypeScript sources need tsx in the child too; built files need nothing. */
function loaderOf(path: string): string[] {
  if (extname(path) !== '.ts') return [];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}
