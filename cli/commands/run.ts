/** `andon agent` and `andon server`: this process becomes the part, with its signals and its exit code. */
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { entryOf, type Part } from '../project.ts';

export function addRunCommands(program: Command): void {
  program
    .command('agent')
    .description('run the agent of this device')
    .requiredOption('--config <file>', 'device.config.json')
    .action(({ config }: { config: string }) => runPart('agent', ['--config', config]));
  program
    .command('server')
    .description('run the sync-server')
    .option('--config <file>', 'its configuration; all defaults without')
    .action(({ config }: { config?: string }) => runPart('sync-server', config ? ['--config', config] : []));
}

/** Not a child of its own: a Node process that only waits holds 17 MiB, for years on a device. */
async function runPart(part: Part, args: readonly string[]): Promise<void> {
  const entry = entryOf(part);
  process.argv.splice(1, process.argv.length, entry, ...args);
  await import(pathToFileURL(entry).href);
}
