/** Brings a model package onto the device, chunk by chunk, over any number of cuts and restarts. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { protocolError } from '../../protocol/errors.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import type { ModelRef } from '../../protocol/messages.ts';
import { assemblePackage, type PackageIndex, parsePackageIndex } from '../../protocol/package-index.ts';
import { ChunkRequest, type ChunkRequestDeps } from './chunk-request.ts';
import { checkDiskRoom } from './disk-room.ts';
import { findLocalChunks } from './local-chunks.ts';
import type { PackCarrier } from './pack-carrier.ts';

export interface ChunkFetcherDeps extends ChunkRequestDeps {
  /** Folder of the installed packages; what they share with the wanted one is not fetched. */
  readonly packagesFolder: string;
  /** The way for what the broker does not hand out; absent: there is none. */
  readonly packs?: PackCarrier | undefined;
}

/**
 * @param chunksHave of `chunksWant` that the package has in all
 * @param waitsFor why nothing is fetched at the moment, in words; null while it goes on
 */
export type OnProgress = (chunksHave: number, chunksWant: number, waitsFor: string | null) => void;

export class ChunkFetcher {
  readonly #deps: ChunkFetcherDeps;
  /** Of what was fetched and not dropped yet: its index on the disk may be tidied away before its chunks are. */
  readonly #indexes = new Map<string, PackageIndex>();

  constructor(deps: ChunkFetcherDeps) {
    this.#deps = deps;
  }

  /**
   * A package's files. Whether they may run is for the caller to verify.
   * @throws CodedError as `fetchFiles`
   */
  async fetchPackage(
    ref: ModelRef,
    onProgress: OnProgress = () => undefined,
    signal?: AbortSignal,
  ): Promise<Map<string, Buffer>> {
    const files = await this.fetchFiles(ref, signal, onProgress);
    if (sha256Hex(files.get('manifest.json') ?? '') !== ref.manifestSha256) {
      throw protocolError(
        'PACKAGE_HASH_MISMATCH',
        `the package of ${ref.name} ${ref.version} has another manifest`,
      );
    }
    return files;
  }

  /**
   * Fetches what is missing, waiting through any time offline. The bytes are those that the index pins by hash.
   * @returns path -> bytes of every file
   * @throws CodedError FETCH_ABORTED, DISK_TOO_FULL, PACKAGE_HASH_MISMATCH, PACKAGE_TOO_LARGE, PAYLOAD_MALFORMED; errors of the disk
   */
  async fetchFiles(
    ref: { readonly indexSha256: string; readonly sizeBytes: number },
    signal?: AbortSignal,
    onProgress: OnProgress = () => undefined,
  ): Promise<Map<string, Buffer>> {
    const { chunks, packagesFolder, packs } = this.#deps;
    const index = await this.#fetchIndex(ref, signal, (reason) => onProgress(0, 0, reason));
    refuseMoreThan(ref.sizeBytes, index);
    this.#indexes.set(ref.indexSha256, index);
    const hashes = hashesOf(index);
    // Held here, not only on the disk: the chunks that two packages share may be dropped with the other one.
    const bytesOf = new Map<string, Buffer>();
    for (const sha256 of hashes) {
      const bytes = await chunks.get(sha256);
      if (bytes) bytesOf.set(sha256, bytes);
    }
    const missing = () => [...hashes].filter((sha256) => !bytesOf.has(sha256));
    for (const [sha256, bytes] of await findLocalChunks(packagesFolder, new Set(missing()))) {
      bytesOf.set(sha256, bytes);
    }
    const progress = (waitsFor: string | null = null) => onProgress(bytesOf.size, hashes.size, waitsFor);
    progress();
    try {
      await checkDiskRoom(packagesFolder, bytesNeeded(index, new Set(missing())));
    } catch (error) {
      // Whoever asked tries again: until then this is what it waits for.
      if (error instanceof Error) progress(error.message);
      throw error;
    }
    await new ChunkRequest(this.#deps, {
      hashes: missing(),
      onChunk: (sha256, plain) => {
        bytesOf.set(sha256, plain);
        progress();
      },
      onWait: progress,
      overHttp: packs && ((...what) => packs.bringChunks(ref.indexSha256, index, ...what)),
    }).run(signal);
    return assemblePackage(index, (sha256) => bytesOf.get(sha256));
  }

  /** Frees the disk of the chunks of files that are installed, or wanted no more. */
  async dropChunks(ref: { readonly indexSha256: string }): Promise<void> {
    const { indexSha256 } = ref;
    const { chunks } = this.#deps;
    const index = this.#indexes.get(indexSha256) ?? (await this.#keptIndex(indexSha256));
    this.#indexes.delete(indexSha256);
    if (!index) return;
    // The index last: what a cut leaves is found by it.
    await chunks.drop(hashesOf(index));
    await chunks.drop([indexSha256]);
  }

  /** Frees the disk of all chunks but those of packages that are wanted and not installed yet. */
  async keepOnly(wanted: readonly ModelRef[]): Promise<void> {
    const { chunks, packagesFolder } = this.#deps;
    // Listed first: what comes while we look belongs to a package that is wanted.
    const kept = await chunks.list();
    const needed = new Set<string>();
    for (const { indexSha256, manifestSha256 } of wanted) {
      if (existsSync(join(packagesFolder, manifestSha256, 'manifest.json'))) continue;
      needed.add(indexSha256);
      const index = await this.#keptIndex(indexSha256);
      for (const sha256 of index ? hashesOf(index) : []) needed.add(sha256);
    }
    await chunks.drop(kept.filter((sha256) => !needed.has(sha256)));
  }

  async #keptIndex(indexSha256: string): Promise<PackageIndex | undefined> {
    const bytes = await this.#deps.chunks.get(indexSha256);
    return bytes && parsePackageIndex(bytes, indexSha256);
  }

  async #fetchIndex(
    ref: { readonly indexSha256: string },
    signal: AbortSignal | undefined,
    onWait: (reason: string) => void,
  ): Promise<PackageIndex> {
    const { chunks, packs } = this.#deps;
    let bytes = await chunks.get(ref.indexSha256);
    if (!bytes) {
      await new ChunkRequest(this.#deps, {
        hashes: [ref.indexSha256],
        onChunk: (_, plain) => {
          bytes = plain;
        },
        onWait,
        overHttp: packs && ((_, delivery) => packs.bringIndex(ref.indexSha256, delivery)),
      }).run(signal);
    }
    return parsePackageIndex(bytes ?? Buffer.alloc(0), ref.indexSha256);
  }
}

/** What the reference admits is what this device agreed to receive and to hold. */
function refuseMoreThan(sizeBytes: number, index: PackageIndex): void {
  const total = index.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (total <= sizeBytes) return;
  throw protocolError('PACKAGE_TOO_LARGE', `the index lists ${total} bytes, its reference ${sizeBytes}`);
}

function hashesOf(index: PackageIndex): Set<string> {
  return new Set(index.files.flatMap((file) => file.chunks.map(({ sha256 }) => sha256)));
}

/** On the disk, for a moment: the chunks that are missing, and the whole package beside them. */
function bytesNeeded(index: PackageIndex, missing: ReadonlySet<string>): number {
  return index.files
    .flatMap(({ chunks }) => chunks)
    .reduce((sum, { sha256, sizeBytes }) => sum + sizeBytes * (missing.has(sha256) ? 2 : 1), 0);
}
