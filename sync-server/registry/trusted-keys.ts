/** Reads trusted-keys files. */
import { readFileSync } from 'node:fs';
import { type PublicKey, publicKeyFromHex, trustedKeysSchema } from '../../protocol/keys.ts';
import { serverError } from '../errors.ts';

/** @throws CodedError CONFIG_UNREADABLE that names the file */
export function readTrustedKeys(files: readonly string[]): PublicKey[] {
  return files.flatMap((file) => {
    try {
      const { keys } = trustedKeysSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      return keys.map((key) => publicKeyFromHex(key.publicKey));
    } catch (cause) {
      throw serverError('CONFIG_UNREADABLE', `cannot read the trusted release keys ${file}`, {
        hint: 'Name existing files in trust.releaseKeys; make a key pair with: andon keys init <folder>.',
        cause,
      });
    }
  });
}
