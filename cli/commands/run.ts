/** `andon agent` and `andon server`: run a part in the foreground, as its own process with its own exit code. */
import { spawn } from 'node:child_process';
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

async function runPart(part: Part, args: readonly string[]): Promise<void> {
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
