/** The agent as one file of JavaScript, with the hooks beside it: it starts in half the time, and these tests start it hundreds of times. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { projectRoot } from '../../../support/processes.ts';

export interface BuiltAgent {
  /** Project-relative. */
  readonly program: string;
  /** For node's `--import`. */
  readonly hooks: string;
  remove(): void;
}

export async function buildAgent(): Promise<BuiltAgent> {
  // Inside the project, where its packages are found.
  const dist = join(projectRoot, 'dist');
  mkdirSync(dist, { recursive: true });
  const folder = mkdtempSync(join(dist, 'agent-under-update-'));
  await build({
    entryPoints: [
      join(projectRoot, 'agent', 'start.ts'),
      join(projectRoot, 'agent', 'inference', 'engine-main.ts'),
      join(projectRoot, 'test', 'faults', 'update', 'support', 'step-hooks.ts'),
    ],
    outdir: folder,
    entryNames: '[name]',
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
  });
  return {
    program: relative(projectRoot, join(folder, 'start.js')),
    hooks: join(folder, 'step-hooks.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
