/** Published models in words for the terminal. */
import type { LineageView, ModelView } from '../sync-server/views/model.ts';
import { table } from './table.ts';

export function modelsText(models: readonly ModelView[], none = NONE_YET): string {
  if (models.length === 0) return none;
  return table(
    ['MODEL', 'TAG', 'ALIASES', 'STAGE', 'PRECISION', 'SIZE', 'METRIC', 'OFFLINE', 'BASELINE', 'HASH'],
    models.map((model) => [
      addressOf(model),
      model.tag ?? '',
      model.aliases.join(' '),
      model.stage === 'none' ? '' : model.stage,
      model.precision,
      `${(model.sizeBytes / 1024).toFixed(1)} KiB`,
      model.metric.name,
      model.metric.offline.toFixed(3),
      `${model.metric.baseline.value.toFixed(3)} (${model.metric.baseline.name})`,
      model.manifestSha256.slice(0, 12),
    ]),
  );
}

const NONE_YET = 'No model is published yet: andon publish models/milling-failure/1';

export function modelText(model: ModelView): string {
  const { metric } = model;
  return [
    `${model.title}  ${model.manifestSha256}`,
    `  ${model.summary}`,
    `  stage      ${model.stage}`,
    `  aliases    ${model.aliases.join(', ') || 'none'}`,
    `  metric     ${metric.name} ${metric.offline.toFixed(3)}, baseline ${metric.baseline.value.toFixed(3)} (${metric.baseline.name})`,
    `  published  ${utc(model.publishedAtMs)}`,
    `  notes      ${model.notes || 'none'}${model.noted ? ` (${model.noted.by}, ${utc(model.noted.atMs)})` : ''}`,
    ...lineageLines(model),
  ].join('\n');
}

export function lineageText(view: LineageView): string {
  const title = (one: { title: string | null; manifestSha256: string }) =>
    `${one.title ?? 'a version that was never published here'} (${one.manifestSha256.slice(0, 12)})`;
  return [
    `${view.title}  ${view.manifestSha256}`,
    ...lineageLines(view),
    `  made from  ${view.parents.map(title).join(', before it ') || 'no earlier version'}`,
    `  led to     ${view.children.map(title).join(', ') || 'no later version yet'}`,
  ].join('\n');
}

function lineageLines({ lineage: { dataset, dataSha256, script, seed, mlflow } }: ModelView): string[] {
  const model = mlflow?.modelName ? `${mlflow.modelName} ${mlflow.modelVersion ?? ''}, ` : '';
  const run = mlflow?.runId ? `run ${mlflow.runId} ` : '';
  return [
    `  data       ${dataset}`,
    `             sha256 ${dataSha256}`,
    `  made by    ${script}, seed ${seed}`,
    ...(mlflow ? [`  MLflow     ${model}${run}at ${mlflow.trackingUri}`] : []),
  ];
}

export function addressOf({ name, version }: { name: string; version: number }): string {
  return `${name}@${version}`;
}

function utc(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
