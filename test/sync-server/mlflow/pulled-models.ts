/** Published models that came from MLflow, for tests of what follows from that. */
import type { Manifest } from '../../../protocol/manifest.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import { hashOf, makePackage, manifestOf, withManifest } from '../../support/packages.ts';

export const RUN = '0123456789abcdef0123456789abcdef';

/** `tiny` with this version of ours and in MLflow, in the store. @returns its manifest's hash */
export function addPulled(
  store: ServerStore,
  version: number,
  origin: Partial<NonNullable<Manifest['lineage']['mlflow']>> = {},
): string {
  const files = makePackage({ name: 'tiny', version });
  const plain = manifestOf(files);
  const mlflow = { trackingUri: 'http://x', runId: RUN, modelName: 'tiny', modelVersion: version, ...origin };
  const pulled = withManifest(files, { ...plain, lineage: { ...plain.lineage, mlflow } });
  const manifestSha256 = hashOf(pulled);
  const ref = { name: 'tiny', version, manifestSha256, indexSha256: 'c'.repeat(64), sizeBytes: 1 };
  const model = { ref, manifest: manifestOf(pulled), notes: '', publishedAtMs: 0 };
  store.transaction(() => store.models.add(model, []));
  return manifestSha256;
}
