/** The checks that make a folder of files a whole model package. Used by the registry and by every device. */
import { protocolError } from './errors.ts';
import { sha256Hex } from './keys.ts';
import { LIMITS } from './limits.ts';
import { type Manifest, manifestSchema } from './manifest.ts';
import { firstIssues } from './messages.ts';
import { isSafePath } from './package-index.ts';

export interface VerifiedPackage {
  readonly manifest: Manifest;
  readonly manifestSha256: string;
}

/** @throws CodedError PACKAGE_TOO_LARGE, PACKAGE_MANIFEST_INVALID, PACKAGE_PATH_UNSAFE, PACKAGE_FILE_MISSING */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.byteLength > LIMITS.manifestBytes) {
    throw protocolError(
      'PACKAGE_TOO_LARGE',
      `manifest.json has ${bytes.byteLength} bytes, limit ${LIMITS.manifestBytes}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw protocolError('PACKAGE_MANIFEST_INVALID', 'manifest.json is not JSON', { cause });
  }
  const result = manifestSchema.safeParse(value);
  if (!result.success) {
    throw protocolError('PACKAGE_MANIFEST_INVALID', `manifest.json: ${firstIssues(result.error)}`);
  }
  const manifest = result.data;
  for (const path of Object.keys(manifest.files)) {
    if (!isSafePath(path))
      throw protocolError('PACKAGE_PATH_UNSAFE', `manifest.json lists the path "${path}"`);
  }
  for (const path of [manifest.model.file, manifest.golden.file, manifest.baselineProfile]) {
    if (!Object.hasOwn(manifest.files, path)) {
      throw protocolError(
        'PACKAGE_FILE_MISSING',
        `manifest.json names "${path}" but does not list its hash under files`,
      );
    }
  }
  return manifest;
}

/**
 * Checks the manifest, and the hash and size of every listed file; files that are not listed are refused. Whether this
 * manifest may run is for `TrustedSet.approve` to say.
 * @param files path -> bytes of the whole package, manifest.json included
 * @throws CodedError PACKAGE_*
 */
export function verifyPackage(files: ReadonlyMap<string, Buffer>): VerifiedPackage {
  const manifestBytes = files.get('manifest.json');
  if (!manifestBytes) throw protocolError('PACKAGE_FILE_MISSING', 'the package has no manifest.json');
  const manifest = parseManifest(manifestBytes);
  for (const [path, expected] of Object.entries(manifest.files)) {
    const bytes = files.get(path);
    if (!bytes) throw protocolError('PACKAGE_FILE_MISSING', `the package lacks "${path}"`);
    if (bytes.length !== expected.sizeBytes || sha256Hex(bytes) !== expected.sha256) {
      throw protocolError('PACKAGE_HASH_MISMATCH', `"${path}" is not the file that the manifest names`, {
        hint: 'Publish the package again from its source folder.',
      });
    }
  }
  for (const path of files.keys()) {
    if (path !== 'manifest.json' && !Object.hasOwn(manifest.files, path)) {
      throw protocolError('PACKAGE_HASH_MISMATCH', `"${path}" is in the package but not in its manifest`);
    }
  }
  return { manifest, manifestSha256: sha256Hex(manifestBytes) };
}
