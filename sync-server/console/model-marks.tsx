/** What people say of a version (aliases, stage, notes) and where it comes from. */
import { formatAge, shortHash } from '../../web/format.ts';
import type { ModelView } from '../views/model.ts';

/** `champion, line-3 · production` */
export function ModelMarks({ model }: { model: ModelView }) {
  const words = [model.aliases.join(', '), model.stage === 'none' ? '' : model.stage].filter(Boolean);
  return words.length === 0 ? null : <span class="small soft line">{words.join(' · ')}</span>;
}

export function ModelNotes({ model, nowMs }: { model: ModelView; nowMs: number }) {
  const { notes, noted } = model;
  if (!notes) return null;
  return (
    <span class="small soft line">
      {notes}
      {noted ? ` (${noted.by}, ${formatAge(noted.atMs, nowMs)})` : ''}
    </span>
  );
}

export function ModelLineage({ model, models }: { model: ModelView; models: readonly ModelView[] }) {
  const { dataset, dataSha256, script, seed, parent, mlflow } = model.lineage;
  const before = models.find(({ manifestSha256 }) => manifestSha256 === parent);
  return (
    <details class="small soft">
      <summary>Where it comes from</summary>
      <span class="line">
        Data: {dataset} <Hash value={dataSha256} />
      </span>
      <span class="line">
        Made by {script}, seed {seed}
        {mlflow?.modelName ? `, MLflow model ${mlflow.modelName} ${mlflow.modelVersion ?? ''}` : ''}
        {mlflow?.runId ? (
          <>
            , run <Hash value={mlflow.runId} />
          </>
        ) : null}
      </span>
      {parent ? (
        <span class="line">
          After {before?.title ?? 'a version that was never published here'} <Hash value={parent} />
        </span>
      ) : null}
    </details>
  );
}

function Hash({ value }: { value: string }) {
  return (
    <span class="hash faint" title={value}>
      {shortHash(value)}
    </span>
  );
}
