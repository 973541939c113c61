/** `andon metrics`: how well the models of a slot do by what really happened. */
import { type Command, InvalidArgumentError } from 'commander';
import { bestEstimate, type ShownEstimate } from '../../protocol/evidence/metric-report.ts';
import type { SlotMetricsView, VersionMetricView } from '../../sync-server/views/slot-metrics.ts';
import { gapWords, metricVerdict, sliceAdvice } from '../../web/metric-words.ts';
import { print, sharedOptions } from '../shared-options.ts';
import { table } from '../table.ts';

export function addMetricsCommand(program: Command): void {
  program
    .command('metrics')
    .description(
      'tell how well each version of a slot’s model does: the metric with its interval, and slices that do worse',
    )
    .argument('<slot>', 'as the devices call it, for example machine-failure')
    .option('--days <n>', 'up to the newest label', wholeDays, 30)
    .action(async (slot: string, { days }: { days: number }, command: Command) => {
      const options = sharedOptions(command);
      const view = await options.api.metrics(slot, days);
      print(options, view, () => metricsText(view));
    });
}

export function metricsText({ slot, versions }: SlotMetricsView): string {
  const [newest] = versions;
  if (!newest) return `No published model has decided in ${slot} yet.`;
  const versionTable = table(
    ['MODEL', newest.name.toUpperCase(), 'BETWEEN', 'LABELS', 'NAIVE', 'PROMISED', 'BASELINE'],
    versions.map(versionRow),
  );
  const { word, sentence, next } = metricVerdict(newest);
  const verdict = [`${newest.title}: ${word}.`, sentence, next].filter(Boolean).join(' ');
  return [versionTable, verdict, ...slicesText(newest)].join('\n\n');
}

function versionRow(version: VersionMetricView): string[] {
  const { naive, corrected, offline, baseline } = version;
  const best = bestEstimate(version);
  return [
    version.title,
    best ? ratio(best.value) : '-',
    best ? between(best) : '-',
    String(naive?.labels ?? 0),
    corrected && naive ? ratio(naive.value) : '-',
    ratio(offline),
    `${ratio(baseline.value)} ${baseline.name}`,
  ];
}

function slicesText({ slices }: VersionMetricView): string[] {
  if (slices.length === 0) return [];
  const rows = slices.map((slice) => [
    slice.key,
    slice.value,
    ratio(slice.estimate.value),
    between(slice.estimate),
    String(slice.estimate.labels),
    slice.call === 'too-few'
      ? 'too little to tell'
      : `${slice.call === 'worse' ? 'WORSE: ' : ''}${gapWords(slice)}`,
  ]);
  const sliceTable = table(['SLICE', '', 'METRIC', 'BETWEEN', 'LABELS', 'BESIDE THE REST'], rows);
  const advice = sliceAdvice(slices);
  return advice ? [sliceTable, advice] : [sliceTable];
}

function between({ low, high }: ShownEstimate): string {
  return `${ratio(low)} .. ${ratio(high)}`;
}

function ratio(value: number): string {
  return value.toFixed(3);
}

function wholeDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 3650) {
    throw new InvalidArgumentError('A whole number of days from 1 to 3650.');
  }
  return days;
}
