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

export interface ChunkFetcherDeps extends ChunkRequestDeps {
  /** Folder of the installed packages; what they share with the wanted one is not fetched. */
  readonly packagesFolder: string;
}

/**
 * @param chunksHave of `chunksWant` that the package has in all
 * @param waitsFor why nothing is fetched at the moment, in words; null while it goes on
 */
export type OnProgress = (chunksHave: number, chunksWant: number, waitsFor: string | null) => void;

export class ChunkFetcher {
  readonly #deps: ChunkFetcherDeps;

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
    const { chunks, packagesFolder } = this.#deps;
    const index = await this.#fetchIndex(ref, signal);
    refuseMoreThan(ref.sizeBytes, index);
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
    await checkDiskRoom(packagesFolder, bytesNeeded(index, new Set(missing())));
    const keep = (sha256: string, bytes: Buffer) => {
      bytesOf.set(sha256, bytes);
      progress();
    };
    await new ChunkRequest(this.#deps, missing(), keep, progress).run(signal);
    return assemblePackage(index, (sha256) => bytesOf.get(sha256));
  }

  /** Frees the disk of a package's chunks once it is installed or wanted no more. */
  async dropChunks(ref: ModelRef): Promise<void> {
    const { chunks } = this.#deps;
    const indexBytes = await chunks.get(ref.indexSha256);
    if (!indexBytes) return;
    await chunks.drop(hashesOf(parsePackageIndex(indexBytes, ref.indexSha256)));
    await chunks.drop([ref.indexSha256]);
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
      const indexBytes = await chunks.get(indexSha256);
      if (!indexBytes) continue;
      for (const sha256 of hashesOf(parsePackageIndex(indexBytes, indexSha256))) needed.add(sha256);
    }
    await chunks.drop(kept.filter((sha256) => !needed.has(sha256)));
  }

  async #fetchIndex(
    ref: { readonly indexSha256: string },
    signal: AbortSignal | undefined,
  ): Promise<PackageIndex> {
    const { chunks } = this.#deps;
    let bytes = await chunks.get(ref.indexSha256);
    if (!bytes) {
      const keep = (_: string, fetched: Buffer) => {
        bytes = fetched;
      };
      await new ChunkRequest(this.#deps, [ref.indexSha256], keep).run(signal);
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
