/** Labelled field data as JSON: `GET /api/datasets/{slot}` and `GET /api/datasets/{slot}/samples`. */
import type { Role } from '../../protocol/records.ts';

/** What the samples of a slot hold. */
export interface DatasetView {
  slot: string;
  /** Models that ever spoke in the slot and are published here; others' samples have no names for what they say. */
  models: DatasetModelView[];
  /** Keys of tags that its predictions carry, sorted. */
  tagKeys: string[];
}

export interface DatasetModelView {
  manifestSha256: string;
  name: string;
  version: number;
  /** What label indices mean. */
  labels: string[];
  /** What the values of a sample's `features` are, in order; a category's value is its index. */
  features: { name: string; unit: string; categories: string[] | null }[];
}

export interface DatasetPageView {
  /** By device database, then seq. */
  samples: DatasetSampleView[];
  /** Labels whose prediction was dropped, or has not come yet. */
  withoutPrediction: number;
  /** `after` of the next page; null when nothing is left. A page may be empty and yet not the last. */
  next: string | null;
}

export interface DatasetSampleView {
  /** Of the prediction. */
  id: string;
  device: string;
  storeEpoch: string;
  seq: number;
  /** Device's wall clock. */
  timeMs: number;
  /** sha256 of the model's manifest. */
  model: string;
  role: Role;
  correlationId: string | null;
  /** Index of the label that the model said, and its score. */
  said: number;
  score: number;
  /** Input health as a bit set; 0 is healthy. */
  health: number;
  /** Null where the slot's privacy policy kept them on the device. */
  features: number[] | null;
  /** Index of the true label, how much it is trusted (0..1), and where it comes from. */
  label: number;
  weight: number;
  kind: 'explicit' | 'implicit';
  rule: string | null;
  evidence: string | null;
  labelledMs: number;
  /** Of the evidence: the higher one stood against others. */
  precedence: number;
  /** Line, shift, operator, …: what the sample was made under. */
  tags: Record<string, string>;
  /** Chance that the truth of this prediction could be seen, (0, 1]: a sample stands for 1 / propensity of its kind. */
  propensity: number;
  /** It went on for inspection by chance, though the model would have rejected it. */
  explored: boolean;
  /** Chance that its device, when full, kept just this one, (0, 1]: it stands for 1 / keptShare as well. */
  keptShare: number;
}
