/** `andon dataset export`: labelled field data as a file, for training and for whoever wants to look. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { count } from '../batch/words.ts';
import { type Exported, exportDataset } from '../dataset/export.ts';
import { parsePastTime } from '../dataset/past-time.ts';
import { parseModelName } from '../model-name.ts';
import { print, sharedOptions } from '../shared-options.ts';

interface ExportCommandOptions {
  slot: string;
  since?: number;
  until?: number;
  model?: string;
  format: 'csv' | 'parquet';
  output: string;
  replace?: boolean;
}

const TELL_EVERY_MS = 2000;

export function addDatasetCommands(program: Command): void {
  program
    .command('dataset')
    .description('labelled field data: what was predicted, and what turned out to be true')
    .command('export')
    .description('write the labelled samples of a slot to a file, with weight and origin of each label')
    .requiredOption('--slot <slot>', 'as the devices name it')
    .requiredOption('--output <file>', 'appears when it is whole')
    .addOption(new Option('--format <format>').choices(['csv', 'parquet']).default('csv'))
    .option('--since <time>', 'predicted at or after it: 2026-11-01, 2026-11-01T06:00Z, 14d or 8h ago', past)
    .option('--until <time>', 'predicted at or before it', past)
    .option('--model <model>', 'only what name@version or name@alias said')
    .option('--replace', 'also where the file is there already')
    .action(exportCommand);
}

async function exportCommand(options: ExportCommandOptions, command: Command): Promise<void> {
  const shared = sharedOptions(command);
  const { slot, since, until, model, format, output, replace } = options;
  if (model !== undefined) parseModelName(model);
  const query = {
    ...(since === undefined ? {} : { since: String(since) }),
    ...(until === undefined ? {} : { until: String(until) }),
    ...(model === undefined ? {} : { model }),
  };
  let toldMs = performance.now();
  const exported = await exportDataset(
    await shared.api.dataset(slot),
    (after) => shared.api.datasetPage(slot, after === null ? query : { ...query, after }),
    {
      format,
      path: output,
      replace: replace === true,
      onPage: (samples) => {
        if (performance.now() - toldMs < TELL_EVERY_MS) return;
        toldMs = performance.now();
        process.stderr.write(`${count(samples)} labelled samples so far\n`);
      },
    },
  );
  print(shared, exported, () => exportText(slot, exported));
}

function exportText(slot: string, exported: Exported): string {
  const { samples, withoutFeatures, withoutPrediction, unknownModels, labels, path, sha256 } = exported;
  const seen = Object.entries(labels).map(([label, times]) => `${label} ${count(times)}`);
  const lines = [`Wrote ${count(samples)} labelled samples of ${slot} (${seen.join(', ')}): ${path}`];
  if (withoutFeatures > 0) {
    lines.push(
      `${count(withoutFeatures)} of them have no features: the slot’s privacy policy kept those on the device.`,
    );
  }
  if (withoutPrediction > 0) {
    lines.push(
      `${count(withoutPrediction)} labels are left out: their predictions were dropped or have not come.`,
    );
  }
  for (const [hash, times] of Object.entries(unknownModels)) {
    lines.push(`${count(times)} samples are left out: model ${hash.slice(0, 12)} was never published here.`);
  }
  return [...lines, `sha256 ${sha256}`].join('\n');
}

function past(text: string): number {
  const timeMs = parsePastTime(text, Date.now());
  if (timeMs !== undefined) return timeMs;
  throw new InvalidArgumentError(
    'Say a date (2026-11-01), a time (2026-11-01T06:00Z), or how long ago (14d, 8h).',
  );
}
