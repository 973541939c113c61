/** Published models: `GET /api/models`. */
import type { ModelRef } from '../../protocol/messages.ts';

export interface ModelView {
  name: string;
  version: number;
  tag: string | null;
  title: string;
  manifestSha256: string;
  sizeBytes: number;
  precision: string;
  summary: string;
  metric: { name: string; offline: number; baseline: { name: string; value: number } };
  publishedAtMs: number;
  /** Names that point to this version, for example `champion`. */
  aliases: string[];
  /** For people; rollouts do not go by it. */
  stage: ModelStage;
  notes: string;
  /** Who changed the notes last; null while they are those it was published with. */
  noted: { by: string; atMs: number } | null;
  lineage: ModelLineage;
}

type ModelStage = 'none' | 'staging' | 'production' | 'archived';

interface ModelLineage {
  dataset: string;
  dataSha256: string;
  script: string;
  seed: number;
  /** Manifest hash of the version it was made from. */
  parent: string | null;
  /** Null when it was not pulled from MLflow. */
  mlflow: {
    trackingUri: string;
    runId: string | null;
    modelName: string | null;
    modelVersion: number | null;
  } | null;
}

/** `GET /api/models/{name}/{version or alias}/lineage` */
export interface LineageView extends ModelView {
  /** The nearest first; `title` null for one that was never published here. */
  parents: { manifestSha256: string; title: string | null }[];
  children: { manifestSha256: string; title: string }[];
}

/** `GET /api/models/{name}/{version or alias}` */
export interface ModelDetailView extends ModelView {
  ref: ModelRef;
}
