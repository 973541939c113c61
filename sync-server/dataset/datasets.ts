/** Labelled field data of a slot: what its columns mean, and its samples a page at a time. */
import type { Feature, Manifest } from '../../protocol/manifest.ts';
import { predictionId } from '../../protocol/records.ts';
import { serverError } from '../errors.ts';
import type { ModelCatalog } from '../registry/model-catalog.ts';
import type { LabelKey, LabelledSample, LabelledSamples } from '../store/labelled-samples.ts';
import type { ModelTable } from '../store/model-table.ts';
import type { DatasetModelView, DatasetPageView, DatasetSampleView, DatasetView } from '../views/dataset.ts';

/** Labels that one page looks at: some ten milliseconds of the server's one thread. */
export const MAX_PAGE_LABELS = 1000;

export interface DatasetQuery {
  readonly slot: string;
  /** Name, and version or alias; null: all models of the slot. */
  readonly model: { readonly name: string; readonly reference: string } | null;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export class Datasets {
  readonly #samples: LabelledSamples;
  readonly #models: Pick<ModelTable, 'byHash'>;
  readonly #catalog: Pick<ModelCatalog, 'find'>;

  constructor(deps: {
    readonly store: { readonly labelledSamples: LabelledSamples; readonly models: ModelTable };
    readonly catalog: Pick<ModelCatalog, 'find'>;
  }) {
    this.#samples = deps.store.labelledSamples;
    this.#models = deps.store.models;
    this.#catalog = deps.catalog;
  }

  /** @throws CodedError SLOT_UNKNOWN when no device ever predicted for it */
  view(slot: string): DatasetView {
    const { models, tagKeys } = this.#samples.about(slot);
    if (models.length === 0) {
      throw serverError('SLOT_UNKNOWN', `no prediction ever came for a slot "${slot}"`, {
        hint: 'The slots of each device: andon devices.',
      });
    }
    return {
      slot,
      tagKeys,
      models: models.flatMap((hash) => {
        const model = this.#models.byHash(hash);
        return model ? [datasetModel(hash, model.manifest)] : [];
      }),
    };
  }

  /**
   * @param after `next` of the page before; null: from the beginning
   * @param labels looked at, at most MAX_PAGE_LABELS
   * @throws CodedError MODEL_UNKNOWN, ALIAS_UNKNOWN
   */
  page(query: DatasetQuery, after: LabelKey | null, labels: number): DatasetPageView {
    const { slot, model, sinceMs, untilMs } = query;
    const hash = model && this.#catalog.find(model.name, model.reference).ref.manifestSha256;
    const page = this.#samples.page({ slot, model: hash, sinceMs, untilMs }, after, labels);
    const { next, withoutPrediction } = page;
    return {
      samples: page.samples.map(sampleView),
      withoutPrediction,
      next: next && `${next.epochId}-${next.seq}`,
    };
  }
}

function sampleView({ run, ...sample }: LabelledSample): DatasetSampleView {
  return { id: predictionId(run, sample.seq), ...sample };
}

function datasetModel(manifestSha256: string, manifest: Manifest): DatasetModelView {
  const { name, version, output } = manifest;
  return {
    manifestSha256,
    name,
    version,
    labels: output.decision.labels,
    features: featuresOf(manifest.input),
  };
}

/** Names of a recorded row's values; none where rows are whole tensors or pictures. */
function featuresOf(input: Manifest['input']): DatasetModelView['features'] {
  if (input.kind === 'features') return input.features.map(featureView);
  if (input.kind !== 'window') return [];
  const { name, unit } = input.features[0] as Feature;
  return Array.from({ length: input.length }, (_, i) => ({ name: `${name}_${i}`, unit, categories: null }));
}

function featureView({ name, unit, categories }: Feature): DatasetModelView['features'][number] {
  return { name, unit, categories: categories ?? null };
}
