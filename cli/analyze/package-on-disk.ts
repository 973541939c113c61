/** A package folder as an analysis needs it: what it promises, its golden samples, its size. */
import { resolve } from 'node:path';
import { parseGolden } from '../../agent/models/golden-test.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import type { Golden, Manifest } from '../../protocol/manifest.ts';
import { parseManifest } from '../../protocol/package-verify.ts';
import { readPackageFolder } from '../package-folder.ts';

export interface PackageOnDisk {
  /** Absolute. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  readonly golden: Golden;
  /** Of all its files. */
  readonly sizeBytes: number;
}

/** @throws CodedError FOLDER_UNREADABLE, PACKAGE_*, GOLDEN_SAMPLES_FAILED (golden samples that do not fit the manifest) */
export function openPackage(folder: string): PackageOnDisk {
  const files = readPackageFolder(folder);
  const manifestBytes = files.get('manifest.json') ?? Buffer.alloc(0);
  const manifest = parseManifest(manifestBytes);
  return {
    folder: resolve(folder),
    manifest,
    manifestSha256: sha256Hex(manifestBytes),
    golden: parseGolden(manifest, files.get(manifest.golden.file) ?? Buffer.alloc(0)),
    sizeBytes: [...files.values()].reduce((sum, { length }) => sum + length, 0),
  };
}
