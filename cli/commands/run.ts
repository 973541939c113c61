/** `andon agent` and `andon server`: this process becomes the part, with its signals and its exit code. */
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { entryOf, type Part } from '../project.ts';
import { print, sharedOptions } from '../shared-options.ts';

interface RunOptions {
  config?: string;
  check?: true;
}

const CHECK = ['--check', 'only read the configuration, and say what is wrong with it'] as const;

export function addRunCommands(program: Command): void {
  program
    .command('agent')
    .description('run the agent of this device')
    .requiredOption('--config <file>', 'device.config.json')
    .option(...CHECK)
    .action(async (options: RunOptions, command: Command) => {
      if (!options.check) return runPart('agent', options);
      const { loadDeviceConfig } = await import('../../agent/config/load.ts');
      loadDeviceConfig(options.config ?? '');
      sayItIsGood(options, command);
    });
  program
    .command('server')
    .description('run the sync-server')
    .option('--config <file>', 'its configuration; all defaults without')
    .option(...CHECK)
    .action(async (options: RunOptions, command: Command) => {
      if (!options.check) return runPart('sync-server', options);
      const { loadServerConfig } = await import('../../sync-server/config/load.ts');
      loadServerConfig(options.config);
      sayItIsGood(options, command);
    });
}

function sayItIsGood({ config = 'without a file' }: RunOptions, command: Command): void {
  print(sharedOptions(command), { config, problems: 0 }, () => `The configuration ${config} has no mistake.`);
}

/** Not a child of its own: a Node process that only waits holds 17 MiB, for years on a device. */
async function runPart(part: Part, { config }: RunOptions): Promise<void> {
  const entry = entryOf(part);
  process.argv.splice(1, process.argv.length, entry, ...(config === undefined ? [] : ['--config', config]));
  await import(pathToFileURL(entry).href);
}
