/** Takes a package into the registry: verified and on the signed list first, its chunks on disk next, its row last. */
import { modelTitle } from '../../protocol/manifest.ts';
import { modelRefOf } from '../../protocol/messages.ts';
import { chunkPackage } from '../../protocol/package-index.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { ChunkFiles } from '../store/chunk-files.ts';
import type { PublishedModel } from '../store/model-table.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { TrustRepository } from './trust-repository.ts';

export interface PublisherDeps {
  readonly trust: Pick<TrustRepository, 'approve'>;
  readonly store: ServerStore;
  readonly chunkFiles: ChunkFiles;
  readonly clock: Clock;
}

/**
 * @param files path -> bytes of the whole package, manifest.json included
 * @param notes words for people; kept from the first time when the same package is published again
 * @param who publishes it, for the audit log
 * @returns `created` false when this very package was published before
 * @throws CodedError PACKAGE_*, TARGET_*, TRUST_UNREADABLE, MODEL_VERSION_TAKEN, STORE_UNWRITABLE
 */
export function publishPackage(
  { store, chunkFiles, trust, clock }: PublisherDeps,
  files: ReadonlyMap<string, Buffer>,
  notes: string,
  who: string,
): { model: PublishedModel; created: boolean } {
  const { manifest, manifestSha256 } = verifyPackage(files);
  trust.approve({ ...manifest, manifestSha256 });
  const known = store.models.byVersion(manifest.name, manifest.version);
  if (known && known.ref.manifestSha256 !== manifestSha256) {
    throw serverError('MODEL_VERSION_TAKEN', `${manifest.name} ${manifest.version} is another package here`, {
      hint: 'A version never changes: count "version" up in the manifest, sign and publish again.',
    });
  }
  const { chunks, indexSha256, sizeBytes } = chunkPackage(files);
  if (known) {
    // Published again: heals chunks that were lost or damaged, or that an older server cut in another way.
    chunkFiles.writeAll(chunks);
    if (known.ref.indexSha256 !== indexSha256) {
      store.transaction(() => store.models.cutAgain(manifestSha256, indexSha256, chunks.keys()));
    }
    return { model: { ...known, ref: { ...known.ref, indexSha256 } }, created: false };
  }
  const ref = modelRefOf(manifest, { manifestSha256, indexSha256, sizeBytes });
  const model = { ref, manifest, notes, publishedAtMs: clock.wallMs() };
  chunkFiles.writeAll(chunks);
  store.transaction(() => {
    store.models.add(model, chunks.keys());
    const subject = `${modelTitle(manifest)} ${manifestSha256}`;
    store.audit.append({ timeMs: model.publishedAtMs, who, action: 'model-published', subject });
  });
  return { model, created: true };
}
