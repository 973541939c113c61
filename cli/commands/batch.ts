/** `andon batch`: a model over a whole file, resumable. */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CodedError } from '../../protocol/errors.ts';
import { openModel } from '../batch/model.ts';
import { rejectedPath } from '../batch/output-files.ts';
import { type BatchPlan, formatOf } from '../batch/plan.ts';
import { type BatchResult, runBatch } from '../batch/run-batch.ts';
import { count, duration, percent } from '../batch/words.ts';
import { rejectedRows } from '../batch/worker-messages.ts';
import { cliError } from '../errors.ts';
import { shippedMetadata } from '../project.ts';
import { print, type SharedOptions, sharedOptions } from '../shared-options.ts';

interface BatchCommandOptions {
  model: string;
  input: string;
  output: string;
  key?: string;
  columns: Record<string, string>;
  keep: readonly string[] | 'all';
  outputs: 'decision' | 'all';
  delimiter: string;
  threads: number;
  batch: number;
  unsigned?: boolean;
  metadata: string;
  strict?: boolean;
  restart?: boolean;
}

export function addBatchCommand(program: Command): void {
  program
    .command('batch')
    .description('run a model over a whole file; a run that was stopped goes on where it was')
    .requiredOption('--model <model>', 'package folder, or name@version of one in models/')
    .requiredOption('--input <file>', '.csv, .ndjson or .parquet; a folder for a model of pictures')
    .requiredOption('--output <file>', '.csv, .ndjson or .parquet; bad rows go to <output>.rejected.ndjson')
    .option('--key <column>', 'the column that names the part; it stands in the output too')
    .option('--columns <map>', 'where columns have other names: feature=column,feature=column', columnsOf, {})
    .option('--keep <columns>', 'columns of the input for the output too: all, none, or a,b,c', keepOf, [])
    .addOption(
      new Option('--outputs <which>', 'only the decision, or every value of the model')
        .choices(['decision', 'all'])
        .default('decision'),
    )
    .option('--delimiter <character>', 'between the cells of a CSV file', delimiterOf, ',')
    .option('--threads <n>', 'engine processes', whole, availableParallelism())
    .option('--batch <n>', 'rows that the model is given at once', whole, 512)
    .option('--metadata <folder>', 'root.json and targets.json that sign the model', shippedMetadata)
    .option('--unsigned', 'run a model that nobody signed')
    .option('--strict', 'end with exit code 1 when rows were rejected')
    .option('--restart', 'begin anew, also where a run can be gone on with or the output is there')
    .action(batch);
}

async function batch(options: BatchCommandOptions, command: Command): Promise<void> {
  const shared = sharedOptions(command);
  const plan = planOf(options);
  process.once('SIGINT', () => {
    process.stderr.write('\nStopped. The same command goes on where it was.\n');
    process.exit(130);
  });
  const result = await runBatch(plan, {
    workers: options.threads,
    restart: options.restart === true,
    progress: {
      isTerminal: process.stderr.isTTY === true,
      write: (text) => process.stderr.write(text),
      nowMs: () => performance.now(),
    },
    onResume: (rows, share) =>
      process.stderr.write(`Going on after ${count(rows)} rows (${percent(share)}) that were done before.\n`),
  });
  tell(shared, plan, result);
  if (options.strict && rejectedRows(result.counts) > 0) process.exitCode = 1;
}

/** @throws CodedError ARGUMENT_INVALID, and those of `openModel` */
function planOf(options: BatchCommandOptions): BatchPlan {
  const model = openSigned(options);
  const isFolder = statSync(options.input, { throwIfNoEntry: false })?.isDirectory() === true;
  refuseMismatch(model, isFolder, options.input);
  return {
    model,
    input: {
      path: options.input,
      format: isFolder ? 'images' : formatOf(options.input),
      delimiter: options.delimiter,
      // A picture has no other name than its file's.
      key: isFolder ? 'file' : (options.key ?? null),
      columns: options.columns,
    },
    output: {
      path: options.output,
      format: formatOf(options.output),
      keep: options.keep,
      allOutputs: options.outputs === 'all',
    },
    batchRows: options.batch,
  };
}

/** @throws CodedError ARGUMENT_INVALID */
function refuseMismatch({ manifest }: BatchPlan['model'], isFolder: boolean, input: string): void {
  const { kind } = manifest.input;
  const { input: of } = manifest;
  const half = of.kind === 'tensors' && of.tensors.find(({ dtype }) => dtype === 'float16');
  if (half) {
    throw cliError('ARGUMENT_INVALID', `${manifest.name} takes "${half.name}" as float16.`, {
      hint: 'No value of a text or Parquet file is one: use a model that takes float32 and casts.',
    });
  }
  if (kind === 'image' && !isFolder) {
    throw cliError('ARGUMENT_INVALID', `${manifest.name} takes pictures; ${input} is no folder.`, {
      hint: 'Name the folder of the pictures with --input.',
    });
  }
  if (kind !== 'image' && isFolder) {
    throw cliError('ARGUMENT_INVALID', `${input} is a folder, and ${manifest.name} takes no pictures.`, {
      hint: 'Name one .csv, .ndjson or .parquet file.',
    });
  }
}

function openSigned({ model, unsigned, metadata }: BatchCommandOptions): BatchPlan['model'] {
  try {
    return openModel(model, unsigned ? null : metadata);
  } catch (error) {
    if (!(error instanceof CodedError) || !/^(TARGET|TRUST)_/.test(error.code)) throw error;
    throw cliError('ARGUMENT_INVALID', `The model is not signed: ${error.message}`, {
      hint: 'Sign it with andon sign and name the folder with --metadata, or say --unsigned.',
      cause: error,
    });
  }
}

function tell(shared: SharedOptions, plan: BatchPlan, { counts, rowsBefore, seconds }: BatchResult): void {
  const rejected = rejectedRows(counts);
  const sideFile = rejected > 0 ? rejectedPath(plan.output.path) : null;
  const value = { ...counts, rowsBefore, seconds, output: plan.output.path, rejectedFile: sideFile };
  print(shared, value, () => {
    const rate = count((counts.rows - rowsBefore) / seconds);
    const lines = [
      `Predicted ${count(counts.predicted)} of ${count(counts.rows)} rows in ${duration(seconds)} (${rate} rows/s): ${plan.output.path}`,
    ];
    if (counts.notDue > 0) lines.push(`${count(counts.notDue)} rows only filled the model’s window.`);
    if (sideFile !== null) {
      const codes = Object.entries(counts.rejected).map(([code, rows]) => `${code} ${count(rows)}`);
      lines.push(`Rejected ${count(rejected)} rows (${codes.join(', ')}), each with its reason: ${sideFile}`);
    }
    return lines.join('\n');
  });
}

function columnsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => pair.split('=').map((side) => side.trim()));
  if (pairs.some((pair) => pair.length !== 2 || pair.includes(''))) {
    throw new InvalidArgumentError('Say feature=column,feature=column.');
  }
  return Object.fromEntries(pairs);
}

function keepOf(text: string): readonly string[] | 'all' {
  if (text === 'all') return 'all';
  return text === 'none' ? [] : text.split(',').map((column) => column.trim());
}

function delimiterOf(text: string): string {
  const character = text === '\\t' ? '\t' : text;
  if (/^[\x20-\x7e\t]$/.test(character) && character !== '"') return character;
  throw new InvalidArgumentError('Name one character, for example ; or \\t.');
}

function whole(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number <= 65_536) return number;
  throw new InvalidArgumentError('A whole number above 0.');
}
