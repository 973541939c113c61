/** `andon keys init`, `andon sign` and `andon verify`: release keys and signatures of model packages. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { codeOf } from '../../protocol/errors.ts';
import {
  generateSigningKey,
  type PublicKey,
  publicKeyFromHex,
  type SigningKey,
  signingKeyFromPem,
  signingKeyToPem,
  type TrustedKeys,
  trustedKeysSchema,
} from '../../protocol/keys.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { cliError } from '../errors.ts';
import { readPackageFolder } from '../package-folder.ts';
import { shippedTrustedKeys } from '../project.ts';
import { signPackageFolder } from '../sign-package.ts';

export function addKeyCommands(program: Command): void {
  program
    .command('keys')
    .description('release keys')
    .command('init')
    .description('make a release key pair: a private key to keep secret, and the file that devices trust')
    .argument('<folder>')
    .option('--name <name>', 'who holds the key', 'release')
    .action((folder: string, { name }: { name: string }) => {
      const made = initKeys(folder, name);
      console.log(`Made ${made.pem} (keep it secret) and ${made.trusted} (give it to devices and server).`);
    });
  program
    .command('sign')
    .description('sign model packages; refuses one whose files do not match its manifest')
    .argument('<package-folder...>')
    .requiredOption('--key <file>', 'private key, PEM')
    .action((folders: string[], { key: file }: { key: string }) => {
      const key = readSigningKey(file);
      for (const folder of folders) {
        const { manifest, manifestSha256 } = signPackageFolder(folder, key);
        console.log(
          `Signed ${modelTitle(manifest)} ${manifestSha256.slice(0, 12)} with key ${key.keyId.slice(0, 12)}.`,
        );
      }
    });
  program
    .command('verify')
    .description('check the signature and every file of a model package')
    .argument('<package-folder>')
    .option('--keys <file>', 'trusted-keys file', shippedTrustedKeys)
    .action((folder: string, { keys }: { keys: string }) => {
      const { manifest, manifestSha256 } = verifyPackage(readPackageFolder(folder), readTrustedKeys(keys));
      console.log(
        `${modelTitle(manifest)} is whole and signed by a trusted key. Manifest ${manifestSha256}.`,
      );
    });
}

/** @throws CodedError KEY_EXISTS: a key is never overwritten, since nothing brings it back */
function initKeys(folder: string, name: string): { pem: string; trusted: string } {
  const made = { pem: join(folder, 'release-key.pem'), trusted: join(folder, 'trusted-keys.json') };
  const key = generateSigningKey();
  const trusted: TrustedKeys = { keys: [{ name, publicKey: key.publicHex }] };
  mkdirSync(folder, { recursive: true });
  try {
    // The key first: a trusted-keys file whose key nobody has would lock every package out.
    writeFileSync(made.pem, signingKeyToPem(key), { flag: 'wx', mode: 0o600 });
    writeTrusted(made, trusted);
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
    throw cliError('KEY_EXISTS', `${folder} holds a key already; it stays as it is.`, {
      hint: 'Choose an empty folder.',
      cause,
    });
  }
  return made;
}

/** Takes the new key back when its other half cannot be written. */
function writeTrusted(made: { pem: string; trusted: string }, trusted: TrustedKeys): void {
  try {
    writeFileSync(made.trusted, `${JSON.stringify(trusted, null, 2)}\n`, { flag: 'wx' });
  } catch (error) {
    rmSync(made.pem);
    throw error;
  }
}

function readSigningKey(file: string): SigningKey {
  try {
    return signingKeyFromPem(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw cliError('KEY_UNREADABLE', `${file} is not a readable Ed25519 private key.`, {
      hint: 'Make one: andon keys init <folder>',
      cause,
    });
  }
}

function readTrustedKeys(file: string): PublicKey[] {
  try {
    const { keys } = trustedKeysSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return keys.map(({ publicKey }) => publicKeyFromHex(publicKey));
  } catch (cause) {
    throw cliError('KEY_UNREADABLE', `${file} is not a readable trusted-keys file.`, {
      hint: 'Name another with --keys <file>.',
      cause,
    });
  }
}
