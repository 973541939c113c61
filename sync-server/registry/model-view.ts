/** A published model as the console and the CLI show it. Pure. */
import { modelTitle } from '../../protocol/manifest.ts';
import type { Mark } from '../store/model-marks.ts';
import type { PublishedModel } from '../store/model-table.ts';
import type { ModelView } from '../views/model.ts';

export function modelView(
  { ref, manifest, notes, publishedAtMs }: PublishedModel,
  mark: Mark | undefined,
  aliases: readonly string[] = [],
): ModelView {
  const { name, offline, baseline } = manifest.metric;
  const { dataset, dataSha256, script, seed, parent, mlflow } = manifest.lineage;
  return {
    name: ref.name,
    version: ref.version,
    tag: ref.tag ?? null,
    title: modelTitle(manifest),
    manifestSha256: ref.manifestSha256,
    sizeBytes: ref.sizeBytes,
    precision: manifest.precision,
    summary: manifest.summary,
    metric: { name, offline, baseline },
    publishedAtMs,
    aliases: [...aliases],
    stage: mark?.stage ?? 'none',
    notes: mark?.note?.text ?? notes,
    noted: mark?.note ? { by: mark.note.by, atMs: mark.note.atMs } : null,
    lineage: {
      dataset,
      dataSha256,
      script,
      seed,
      parent: parent ?? null,
      mlflow: mlflow
        ? {
            trackingUri: mlflow.trackingUri,
            runId: mlflow.runId ?? null,
            modelName: mlflow.modelName ?? null,
            modelVersion: mlflow.modelVersion ?? null,
          }
        : null,
    },
  };
}
