/** `andon analyze`: what a model package costs on this device, and how to run it. */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { type Command, Option } from 'commander';
import { advise } from '../analyze/advice.ts';
import { compare } from '../analyze/agreement.ts';
import type { Analysis } from '../analyze/analysis.ts';
import { openPackage } from '../analyze/package-on-disk.ts';
import { reportHtml } from '../analyze/report-html.ts';
import { reportText } from '../analyze/report-text.ts';
import { sweep } from '../analyze/sweep.ts';
import { cliError } from '../errors.ts';
import { print, sharedOptions } from '../shared-options.ts';

const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

interface AnalyzeOptions {
  against?: string;
  budgetMs?: number;
  html?: string;
  slot: string;
  threads: number;
  eachMs: number;
}

export function addAnalyzeCommand(program: Command): void {
  program
    .command('analyze')
    .description('measure a model package on this device, and say how to run it')
    .argument('<package>', 'its folder')
    .option('--against <package>', 'compare decisions with this one, for example its float32 version')
    .addOption(
      new Option('--budget-ms <ms>', 'the longest a batch may take (p99)').argParser(positive('budget-ms')),
    )
    .option('--html <file>', 'also draw it into one page')
    .option('--slot <slot>', 'the slot for the config lines', 'your-slot')
    .addOption(
      new Option('--threads <count>', 'measure up to so many threads')
        .argParser(positive('threads'))
        .default(availableParallelism(), 'all cores'),
    )
    .addOption(
      new Option('--each-ms <ms>', 'time for each point').argParser(positive('each-ms')).default(400),
    )
    .action(async (folder: string, options: AnalyzeOptions, command: Command) => {
      const model = openPackage(folder);
      const other = options.against === undefined ? null : openPackage(options.against);
      const found = await sweep(model, {
        threads: Array.from({ length: Math.ceil(options.threads) }, (_, i) => i + 1),
        batches: BATCHES,
        eachMs: options.eachMs,
        onPoint: (done, of, { threads, batch }) => progress(done, of, `threads ${threads}, batch ${batch}`),
      });
      const { name, version, tag, precision } = model.manifest;
      const analysis: Analysis = {
        model: { name, version, tag, precision, sizeBytes: model.sizeBytes },
        machine: `${cpus()[0]?.model.trim() ?? process.arch}, ${availableParallelism()} cores`,
        slot: options.slot,
        sweep: found,
        advice: advise(found.points, options.budgetMs ?? null),
        agreement: other && (await compare(model, other)),
      };
      if (options.html !== undefined) writeFileSync(options.html, reportHtml(analysis));
      print(sharedOptions(command), analysis, () => reportText(analysis));
    });
}

/** On standard error, on one line of a terminal: what is piped stays clean. */
function progress(done: number, of: number, words: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\u001b[K${done < of ? `measuring ${done}/${of}: ${words}` : ''}`);
}

function positive(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (value > 0 && Number.isFinite(value)) return value;
    throw cliError('ARGUMENT_INVALID', `--${name} "${text}" is not a number above 0.`);
  };
}
