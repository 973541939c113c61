/** Reads what signing and verifying need from folders. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../protocol/errors.ts';
import { modelTitle } from '../protocol/manifest.ts';
import { verifyPackage } from '../protocol/package-verify.ts';
import { cliError } from './errors.ts';
import { readPackageFolder } from './package-folder.ts';
import type { SignedModel } from './trust-folder.ts';

/** @throws CodedError KEY_UNREADABLE */
export function readMetadataFolder(folder: string): { root: Buffer; targets: Buffer } {
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name));
    } catch (cause) {
      throw cliError('KEY_UNREADABLE', `${join(folder, name)} cannot be read (${codeOf(cause)}).`, {
        hint: 'Name the metadata folder of andon keys init.',
        cause,
      });
    }
  };
  return { root: read('root.json'), targets: read('targets.json') };
}

/** @throws CodedError FOLDER_UNREADABLE, PACKAGE_*: a package that is not whole is not signed */
export function readSignedModel(folder: string): SignedModel & { readonly title: string } {
  const files = readPackageFolder(folder);
  const { manifest, manifestSha256 } = verifyPackage(files);
  const { name, version } = manifest;
  const manifestBytes = files.get('manifest.json')?.length ?? 0;
  return { name, version, manifestSha256, manifestBytes, title: modelTitle(manifest) };
}
