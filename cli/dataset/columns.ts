/** From a slot's samples to the columns of a table: names and meanings in place of indices. Pure. */
import type { DatasetModelView, DatasetSampleView, DatasetView } from '../../sync-server/views/dataset.ts';

export type Cell = string | number | boolean | null;

export interface Column {
  readonly name: string;
  /** `time`: ms since the Unix epoch. `float`: of float32 precision. */
  readonly type: 'text' | 'whole' | 'number' | 'float' | 'time' | 'boolean';
  readonly cell: (sample: DatasetSampleView, model: DatasetModelView) => Cell;
}

/** Which sample it was, what was said of it, what was true, and how that is known. */
const FIXED: readonly Column[] = [
  { name: 'prediction_id', type: 'text', cell: ({ id }) => id },
  { name: 'device', type: 'text', cell: ({ device }) => device },
  { name: 'store_epoch', type: 'text', cell: ({ storeEpoch }) => storeEpoch },
  { name: 'seq', type: 'whole', cell: ({ seq }) => seq },
  { name: 'time', type: 'time', cell: ({ timeMs }) => timeMs },
  { name: 'correlation_id', type: 'text', cell: ({ correlationId }) => correlationId },
  { name: 'model', type: 'text', cell: (_, { name, version }) => `${name}@${version}` },
  { name: 'model_sha256', type: 'text', cell: ({ model }) => model },
  { name: 'role', type: 'text', cell: ({ role }) => role },
  { name: 'said', type: 'text', cell: ({ said }, { labels }) => labels[said] ?? String(said) },
  { name: 'score', type: 'float', cell: ({ score }) => score },
  { name: 'health', type: 'whole', cell: ({ health }) => health },
  { name: 'label', type: 'text', cell: ({ label }, { labels }) => labels[label] ?? String(label) },
  { name: 'weight', type: 'number', cell: ({ weight }) => weight },
  { name: 'kind', type: 'text', cell: ({ kind }) => kind },
  { name: 'rule', type: 'text', cell: ({ rule }) => rule },
  { name: 'evidence', type: 'text', cell: ({ evidence }) => evidence },
  { name: 'precedence', type: 'whole', cell: ({ precedence }) => precedence },
  { name: 'labelled_at', type: 'time', cell: ({ labelledMs }) => labelledMs },
  { name: 'propensity', type: 'number', cell: ({ propensity }) => propensity },
  { name: 'kept_share', type: 'number', cell: ({ keptShare }) => keptShare },
  { name: 'explored', type: 'boolean', cell: ({ explored }) => explored },
];

/** The fixed ones, then `tag_<key>`, then `feature_<name>` of every model of the slot. */
export function columnsOf({ models, tagKeys }: DatasetView): Column[] {
  return [...FIXED, ...tagKeys.map(tagColumn), ...featureColumns(models)];
}

function tagColumn(key: string): Column {
  return { name: `tag_${key}`, type: 'text', cell: ({ tags }) => tags[key] ?? null };
}

function featureColumns(models: readonly DatasetModelView[]): Column[] {
  const words = new Map<string, boolean>();
  for (const { name, categories } of models.flatMap(({ features }) => features)) {
    words.set(name, (words.get(name) ?? false) || categories !== null);
  }
  return [...words].map(([name, isWord]): Column => {
    const places = new Map(models.map((model) => [model, placeOf(model, name)]));
    return {
      name: `feature_${name}`,
      type: isWord ? 'text' : 'float',
      cell: ({ features }, model) => {
        const place = places.get(model);
        const value = place && features?.[place.at];
        if (place === undefined || value === undefined) return null;
        if (place.categories) return place.categories[value] ?? null;
        return isWord ? String(value) : value;
      },
    };
  });
}

function placeOf({ features }: DatasetModelView, name: string) {
  const at = features.findIndex((feature) => feature.name === name);
  return at < 0 ? undefined : { at, categories: features[at]?.categories ?? null };
}
