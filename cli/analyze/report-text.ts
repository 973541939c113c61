/** An analysis as text for the terminal: figures, bars, what to pick. Pure. */
import { modelTitle } from '../../protocol/manifest.ts';
import { table } from '../table.ts';
import { configLines } from './advice.ts';
import type { Agreement } from './agreement.ts';
import type { Analysis } from './analysis.ts';

const BAR_WIDTH = 28;

export function reportText(analysis: Analysis): string {
  const { model, sweep, advice, agreement, slot, machine } = analysis;
  const most = Math.max(...sweep.points.map(({ rowsPerS }) => rowsPerS));
  const rows = sweep.points.map((point) => [
    String(point.threads),
    String(point.batch),
    point.p50Ms.toFixed(3),
    point.p99Ms.toFixed(3),
    Math.round(point.rowsPerS).toLocaleString('en'),
    `${'█'.repeat(Math.max(1, Math.round((point.rowsPerS / most) * BAR_WIDTH)))}${point === advice.pick ? ' ← take this' : ''}`,
  ]);
  const memory = Object.entries(sweep.rssBytes).map(
    ([threads, bytes]) => `${megabytes(bytes)} with ${threads} thread${threads === '1' ? '' : 's'}`,
  );
  return [
    `${modelTitle(model)} (${model.precision}) on ${machine}`,
    `On disk ${megabytes(model.sizeBytes)}, loads in ${sweep.loadMs.toFixed(0)} ms, engine memory ${memory.join(', ')}.`,
    '',
    table(['threads', 'batch', 'p50 ms', 'p99 ms', 'rows/s', ''], rows),
    '',
    ...(agreement ? [agreementText(agreement), ''] : []),
    advice.why,
    '',
    configLines(advice.pick, slot),
  ].join('\n');
}

export function agreementText({ ours, other, samples, agreed, largestDifference }: Agreement): string {
  const sides = [ours, other].map((side) => [
    `${side.title} ${side.precision}`,
    megabytes(side.sizeBytes),
    side.value === null ? 'no labels' : `${side.metric} ${side.value.toFixed(3)}`,
  ]);
  return [
    `On ${samples} golden samples the two decide alike in ${agreed}; outputs differ by up to ${largestDifference.toPrecision(2)}.`,
    table(['model', 'size', 'on these samples'], sides),
  ].join('\n');
}

export function megabytes(bytes: number): string {
  return bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
