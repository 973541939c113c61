/** `andon agent` and `andon server`: run a part in the foreground, as its own process with its own exit code. */
import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { loadDeviceConfig } from '../../agent/config/load.ts';
import { loadServerConfig } from '../../sync-server/config/load.ts';
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
      loadServerConfig(options.config);
      sayItIsGood(options, command);
    });
}

function sayItIsGood({ config = 'without a file' }: RunOptions, command: Command): void {
  print(sharedOptions(command), { config, problems: 0 }, () => `The configuration ${config} has no mistake.`);
}

async function runPart(part: Part, { config }: RunOptions): Promise<void> {
  const args = config === undefined ? [] : ['--config', config];
  const child = spawn(process.execPath, [...process.execArgv, entryOf(part), ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // A terminal's Ctrl-C reaches the child by itself: twice would mean "at once".
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal));
  }
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
