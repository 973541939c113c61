/** A slot whose model is published and whose predictions have features and labels. */
import { encodeBatch } from '../../../protocol/batch.ts';
import { modelRefOf } from '../../../protocol/messages.ts';
import type { Feedback, Prediction } from '../../../protocol/records.ts';
import { Datasets } from '../../../sync-server/dataset/datasets.ts';
import { ModelCatalog } from '../../../sync-server/registry/model-catalog.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import { hashOf, makePackage, manifestOf } from '../../support/packages.ts';
import { EPOCH, ingestOver, TestClock, temporaryStore } from '../support.ts';

/** Features `temperature` and `quality` (L, M, H), labels `ok` and `failure`. */
const MODEL = makePackage({
  name: 'tiny',
  version: 2,
  input: {
    kind: 'features',
    tensor: 'input',
    features: [
      { name: 'temperature', unit: 'K' },
      { name: 'quality', unit: '', categories: ['L', 'M', 'H'] },
    ],
  },
});
export const MODEL_HASH = hashOf(MODEL);

function publish(store: ServerStore, files: ReadonlyMap<string, Buffer>): void {
  const manifest = manifestOf(files);
  const hash = hashOf(files);
  const ref = modelRefOf(manifest, { manifestSha256: hash, indexSha256: hash, sizeBytes: 1 });
  store.models.add({ ref, manifest, notes: '', publishedAtMs: 1 }, []);
}

export function fill(
  store: ServerStore,
  predictions: readonly Prediction[],
  labels: readonly Feedback[],
  device = 'mill-1',
): void {
  const { send } = ingestOver(store);
  for (let at = 0; at < predictions.length; at += 500) {
    send(device, 'predictions', encodeBatch('predictions', EPOCH, predictions.slice(at, at + 500)));
  }
  for (let at = 0; at < labels.length; at += 500) {
    send(device, 'feedback', encodeBatch('feedback', EPOCH, labels.slice(at, at + 500)));
  }
}

export function fieldStore(): { store: ServerStore; datasets: Datasets } {
  const store = temporaryStore();
  publish(store, MODEL);
  const datasets = new Datasets({ store, catalog: new ModelCatalog({ store, clock: new TestClock() }) });
  return { store, datasets };
}
