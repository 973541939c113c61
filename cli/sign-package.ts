/** Signs a model package folder. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SigningKey, signBytes } from '../protocol/keys.ts';
import { signatureFileSchema } from '../protocol/manifest.ts';
import { type VerifiedPackage, verifyPackage } from '../protocol/package-verify.ts';
import { readPackageFolder } from './package-folder.ts';

/**
 * Writes signature.json; signatures by other keys stay.
 * @throws CodedError FOLDER_UNREADABLE, PACKAGE_*: a package that is not whole is not signed
 */
export function signPackageFolder(folder: string, key: SigningKey): VerifiedPackage {
  const files = readPackageFolder(folder);
  const manifest = files.get('manifest.json') ?? Buffer.alloc(0);
  const others = signaturesIn(files.get('signature.json')).filter(({ keyId }) => keyId !== key.keyId);
  const signatures = [...others, { keyId: key.keyId, signature: signBytes(key, manifest) }];
  const bytes = Buffer.from(`${JSON.stringify({ signatures }, null, 2)}\n`);
  const verified = verifyPackage(new Map(files).set('signature.json', bytes), [key]);
  const target = join(folder, 'signature.json');
  writeFileSync(`${target}.new`, bytes);
  renameSync(`${target}.new`, target);
  return verified;
}

function signaturesIn(bytes: Buffer | undefined): { keyId: string; signature: string }[] {
  if (!bytes) return [];
  try {
    return signatureFileSchema.parse(JSON.parse(bytes.toString('utf8'))).signatures;
  } catch {
    return [];
  }
}
