/** `andon demo`: the whole loop on this machine. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { runDemo } from '../demo/demo.ts';

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('start a server and three simulated milling lines here, and play the story')
    .option('--fresh', 'delete what an earlier demo left')
    .option('--once', 'end after the story; exit code 1 when a step did not happen')
    .option('--data <folder>', 'where the demo keeps its data', './data/demo')
    .action(async ({ fresh, once, data }: { fresh?: boolean; once?: boolean; data: string }) => {
      process.exitCode = await runDemo({ folder: resolve(data), fresh: fresh === true, once: once === true });
    });
}
