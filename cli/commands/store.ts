/** `andon store …`: a device's memory, copied while it is used, looked over, and written out for other programs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AgentApi, DEFAULT_AGENT } from '../agent-api.ts';
import { count, percent } from '../batch/words.ts';
import { parsePastTime } from '../dataset/past-time.ts';
import { cliError } from '../errors.ts';
import { print, type SharedOptions, sharedOptions } from '../shared-options.ts';
import { fetchBackup } from '../store/fetch-backup.ts';
import { verifyText } from '../store/verify-text.ts';

interface AgentOptions {
  agent: string;
  pin?: string;
}

const TELL_EVERY_MS = 2000;

export function addStoreCommands(program: Command): void {
  const store = program
    .command('store')
    .description('the memory of a device: copy it, look it over, write it out');
  store
    .command('backup')
    .description('copy the store of a running agent into one file')
    .argument('<file>', 'appears when it is whole')
    .addOption(agentOption())
    .addOption(pinOption())
    .option('--replace', 'also where the file is there already')
    .action(async (file: string, options: AgentOptions & { replace?: boolean }, command: Command) => {
      const sizeBytes = await takeBackup(file, options, options.replace === true);
      print(
        sharedOptions(command),
        { file, sizeBytes },
        () => `Wrote ${file} (${mebibytes(sizeBytes)}). To look it over: andon store verify ${file}`,
      );
    });
  store
    .command('restore')
    .description('put a backup in the place of the store of an agent that has ended')
    .argument('<backup>')
    .option('--data <folder>', "the agent's dataDir", 'data/agent')
    .action(async (backup: string, { data }: { data: string }, command: Command) => {
      const { restoreStore } = await import('../store/restore-store.ts');
      const kept = restoreStore(backup, data);
      print(sharedOptions(command), { restored: backup, kept }, () =>
        [
          `The store in ${data} is ${backup} now. Start the agent: it goes on under a new store epoch.`,
          ...(kept === null ? [] : [`What was there is kept as ${kept}.`]),
        ].join('\n'),
      );
    });
  store
    .command('verify')
    .description('say whether a store is whole and what is missing; ends with 1 when it is not sound')
    .argument(
      '[file]',
      'a backup, or store.db of an agent that has ended; without it, the running agent is asked',
    )
    .addOption(agentOption())
    .addOption(pinOption())
    .action(async (file: string | undefined, options: AgentOptions, command: Command) => {
      const { verifyStore } = await import('../store/verify-store.ts');
      const verdict = await withStoreFile(file, options, verifyStore);
      print(sharedOptions(command), verdict, () =>
        verifyText(file ?? 'The store of the running agent', verdict),
      );
      if (!verdict.sound) process.exitCode = 1;
    });
  store
    .command('export')
    .description('write predictions with their labels to a file, a row each')
    .argument('<output>', '.ndjson or .csv; appears when it is whole')
    .argument(
      '[file]',
      'a backup, or store.db of an agent that has ended; without it, the running agent is asked',
    )
    .addOption(agentOption())
    .addOption(pinOption())
    .option('--slot <slot>', 'only of this slot')
    .option('--since <time>', 'predicted at or after it: 2026-11-01, 2026-11-01T06:00Z, 14d or 8h ago', past)
    .option('--replace', 'also where the file is there already')
    .action(exportCommand);
}

interface ExportCommandOptions extends AgentOptions {
  slot?: string;
  since?: number;
  replace?: boolean;
}

async function exportCommand(
  output: string,
  file: string | undefined,
  options: ExportCommandOptions,
  command: Command,
): Promise<void> {
  const shared: SharedOptions = sharedOptions(command);
  const format = formatOf(output);
  const { exportPredictions } = await import('../store/export-predictions.ts');
  const tell = teller();
  const rows = await withStoreFile(file, options, (sqlite) =>
    exportPredictions(
      sqlite,
      { slot: options.slot, sinceMs: options.since },
      {
        ...{ path: output, format, replace: options.replace === true },
        onProgress: (done) => tell(`${count(done)} predictions so far`),
      },
    ),
  );
  print(shared, { output, rows }, () => `Wrote ${count(rows)} predictions: ${output}`);
}

/** Of the file, or of a copy that the running agent makes and that is gone afterwards. */
async function withStoreFile<T>(
  file: string | undefined,
  options: AgentOptions,
  work: (sqlite: ReturnType<typeof import('../store/store-file.ts').openStoreFile>) => T,
): Promise<T> {
  const { openStoreFile } = await import('../store/store-file.ts');
  const folder = file === undefined ? mkdtempSync(join(tmpdir(), 'andon-store-')) : undefined;
  try {
    const path = file ?? join(folder ?? '', 'store.db');
    if (file === undefined) await takeBackup(path, options, false);
    const sqlite = openStoreFile(path);
    try {
      return work(sqlite);
    } finally {
      sqlite.close();
    }
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function takeBackup(file: string, { agent, pin }: AgentOptions, replace: boolean): Promise<number> {
  const tell = teller();
  return fetchBackup(new AgentApi(agent), file, {
    ...{ pin, replace },
    onProgress: (bytes, total) =>
      tell(
        total === null ? `${mebibytes(bytes)} so far` : `${percent(bytes / total)} of ${mebibytes(total)}`,
      ),
  });
}

/** Says something now and then, for work that may take long. */
function teller(): (line: string) => void {
  let toldMs = performance.now();
  return (line) => {
    if (performance.now() - toldMs < TELL_EVERY_MS) return;
    toldMs = performance.now();
    process.stderr.write(`${line}\n`);
  };
}

function agentOption(): Option {
  return new Option('--agent <url>', 'address of the device’s page').default(
    process.env.ANDON_AGENT ?? DEFAULT_AGENT,
  );
}

function pinOption(): Option {
  return new Option('--pin <pin>', 'the operators’ PIN, where the device has one').env('ANDON_PIN');
}

function formatOf(path: string): 'ndjson' | 'csv' {
  const format = extname(path).slice(1);
  if (format === 'ndjson' || format === 'csv') return format;
  throw cliError('ARGUMENT_INVALID', `${path} ends neither in .ndjson nor in .csv.`, {
    hint: 'The end of the name says how it is written.',
  });
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function past(text: string): number {
  const timeMs = parsePastTime(text, Date.now());
  if (timeMs !== undefined) return timeMs;
  throw new InvalidArgumentError(
    'Say a date (2026-11-01), a time (2026-11-01T06:00Z), or how long ago (14d, 8h).',
  );
}
