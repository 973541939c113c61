/** Reads trusted-keys files, the same on both sides. */
import { readFileSync } from 'node:fs';
import { protocolError } from './errors.ts';
import { type PublicKey, publicKeyFromHex, trustedKeysSchema } from './keys.ts';

/** @throws CodedError TRUSTED_KEYS_UNREADABLE that names the file */
export function readTrustedKeys(files: readonly string[]): PublicKey[] {
  return files.flatMap((file) => {
    try {
      const { keys } = trustedKeysSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      return keys.map((key) => publicKeyFromHex(key.publicKey));
    } catch (cause) {
      throw protocolError('TRUSTED_KEYS_UNREADABLE', `cannot read the trusted keys ${file}`, {
        hint: 'Name existing files under trust in the configuration; make a key pair with: andon keys init <folder>.',
        cause,
      });
    }
  });
}
