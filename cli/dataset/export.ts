/** Labelled field data of a slot into one file, a page at a time. */
import type { DatasetPageView, DatasetView } from '../../sync-server/views/dataset.ts';
import { cliError } from '../errors.ts';
import { columnsOf } from './columns.ts';
import { csvTable } from './csv-table.ts';
import { parquetTable } from './parquet-table.ts';
import { TableFile } from './table-file.ts';

export interface ExportOptions {
  readonly format: 'csv' | 'parquet';
  readonly path: string;
  readonly replace: boolean;
  /** After each page. @param samples written so far */
  readonly onPage: (samples: number) => void;
}

interface ExportCounts {
  samples: number;
  /** Their cells of features are empty: the slot's privacy policy kept them on the device. */
  withoutFeatures: number;
  /** Not written, as are the next: labels of predictions that were dropped or have not come. */
  withoutPrediction: number;
  /** Samples by the manifest hash of a model that the server does not know. */
  unknownModels: Record<string, number>;
  /** Samples a label. */
  labels: Record<string, number>;
}

export interface Exported extends ExportCounts {
  readonly path: string;
  readonly sha256: string;
}

/**
 * @param page by `next` of the page before; null: the first
 * @throws CodedError OUTPUT_EXISTS, DATASET_EMPTY, and what `page` throws; then no file is left behind
 */
export async function exportDataset(
  view: DatasetView,
  page: (after: string | null) => Promise<DatasetPageView>,
  options: ExportOptions,
): Promise<Exported> {
  const columns = columnsOf(view);
  const encoder = options.format === 'csv' ? csvTable(columns) : parquetTable(columns);
  const models = new Map(view.models.map((model) => [model.manifestSha256, model]));
  const counts: ExportCounts = {
    samples: 0,
    withoutFeatures: 0,
    withoutPrediction: 0,
    unknownModels: {},
    labels: {},
  };
  const file = new TableFile(options.path, encoder, options.replace);
  try {
    for (let after: string | null = null, more = true; more; more = after !== null) {
      const { samples, withoutPrediction, next }: DatasetPageView = await page(after);
      counts.withoutPrediction += withoutPrediction;
      file.add(
        samples.flatMap((sample) => {
          const model = models.get(sample.model);
          if (!model) {
            addOne(counts.unknownModels, sample.model);
            return [];
          }
          counts.samples += 1;
          if (sample.features === null) counts.withoutFeatures += 1;
          addOne(counts.labels, model.labels[sample.label] ?? String(sample.label));
          return [columns.map(({ cell }) => cell(sample, model))];
        }),
      );
      after = next;
      options.onPage(counts.samples);
    }
    refuseEmpty(view.slot, counts);
    return { ...counts, path: options.path, sha256: file.finish() };
  } catch (error) {
    file.abandon();
    throw error;
  }
}

function refuseEmpty(slot: string, { samples, unknownModels, withoutPrediction }: ExportCounts): void {
  if (samples > 0) return;
  const unknown = Object.values(unknownModels).reduce((sum, count) => sum + count, 0);
  if (unknown > 0) {
    throw cliError(
      'DATASET_EMPTY',
      `All ${unknown} labelled samples of ${slot} are of models unknown here.`,
      {
        hint: 'Publish those models: without their manifests nobody knows what the numbers mean.',
      },
    );
  }
  const late = withoutPrediction > 0 ? ` (${withoutPrediction} labels have no prediction here)` : '';
  throw cliError('DATASET_EMPTY', `No sample of ${slot} has a label in that time${late}.`, {
    hint: 'Labels come from feedback rules and operators. Ask for a longer time, or wait for them.',
  });
}

function addOne(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
