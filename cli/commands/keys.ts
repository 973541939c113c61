/** `andon keys …`, `andon sign`, `andon unsign`, `andon verify`: the offline half of trust. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { publicKeyFileSchema } from '../../protocol/keys.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { cliError } from '../errors.ts';
import { readPackageFolder } from '../package-folder.ts';
import { shippedMetadata } from '../project.ts';
import { readMetadataFolder, readSignedModel } from '../read-metadata.ts';
import { print, sharedOptions } from '../shared-options.ts';
import { checkPublicKey, readSigningKey, TrustFolder } from '../trust-folder.ts';

const DEFAULT_FOLDER = 'keys';

interface KeyOptions {
  keys: string;
  key: string[];
  days: number;
  serverKey?: string;
}

export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('root and release keys, and whom they trust');
  keys
    .command('init')
    .description('make root and release keys, and the root file that devices trust')
    .argument('[folder]', 'a new folder', DEFAULT_FOLDER)
    .addOption(serverKeyOption())
    .option('--root-keys <n>', 'how many root keys', count, 1)
    .option('--root-threshold <n>', 'how many of them must sign', count, 1)
    .option('--release-keys <n>', 'how many release keys', count, 1)
    .option('--release-threshold <n>', 'how many of them must sign', count, 1)
    .addOption(daysOption())
    .action(async (folder: string, options: InitOptions, command: Command) => {
      const serverPublicKey = await serverKeyOf(options.serverKey, command);
      const made = new TrustFolder(folder, options.days);
      made.init({
        serverPublicKey,
        root: quorum('root', options.rootKeys, options.rootThreshold),
        release: quorum('release', options.releaseKeys, options.releaseThreshold),
        validDays: options.days,
      });
      console.log(
        [
          `Made ${folder}/private: root and release keys. Keep them secret, off the server, and backed up.`,
          `Made ${folder}/metadata: give it to every device, as trust.metadata in its config.`,
          `Next: andon sign <package-folder> --keys ${folder}, then andon publish <package-folder> --keys ${folder}.`,
        ].join('\n'),
      );
    });
  keys
    .command('rotate')
    .description('replace the keys of a role; devices follow by themselves')
    .argument('<role>', 'root, release or server')
    .addOption(keysOption())
    .addOption(keyOption())
    .addOption(serverKeyOption())
    .addOption(daysOption())
    .action(async (role: string, options: KeyOptions, command: Command) => {
      const folder = new TrustFolder(options.keys, options.days);
      const more = options.key.map(readSigningKey);
      const version =
        role === 'server'
          ? folder.rotate({ serverPublicKey: await serverKeyOf(options.serverKey, command) }, more)
          : folder.rotate(roleOf(role), more);
      console.log(
        `Root ${version} has new ${role} keys. Hand it to the server: andon keys publish --keys ${options.keys}`,
      );
    });
  keys
    .command('publish')
    .description('hand roots and the signed list to the server')
    .addOption(keysOption())
    .action(async (options: KeyOptions, command: Command) => {
      const shared = sharedOptions(command);
      const trust = await shared.api.publishTrust(new TrustFolder(options.keys, 0).files());
      print(shared, trust, () => trustText(trust));
    });
  keys
    .command('show')
    .description('what the server goes by, and whether its key is trusted')
    .action(async (_options, command: Command) => {
      const shared = sharedOptions(command);
      const trust = await shared.api.trust();
      print(shared, trust, () => trustText(trust));
    });
  program
    .command('sign')
    .description('put model packages on the signed list of what may run; with none, adds a signature to it')
    .argument('[package-folder...]')
    .addOption(keysOption())
    .addOption(keyOption())
    .addOption(daysOption())
    .option('--renew', 'let the list count anew from today, also where nothing changed', false)
    .action((folders: string[], { renew, ...options }: KeyOptions & { renew: boolean }) => {
      const signed = folders.map(readSignedModel);
      const keys = options.key.map(readSigningKey);
      const { have, need } = new TrustFolder(options.keys, options.days).sign(signed, { keys, renew });
      for (const { title, manifestSha256 } of signed)
        console.log(`Signed ${title} ${manifestSha256.slice(0, 12)}.`);
      if (have < need) console.log(`The list has ${have} of ${need} signatures: let another holder sign it.`);
    });
  program
    .command('unsign')
    .description('strike versions off the list: no device installs them any more')
    .argument('<name@version...>')
    .addOption(keysOption())
    .addOption(keyOption())
    .addOption(daysOption())
    .action((names: string[], options: KeyOptions) => {
      const remove = names.map((name) => `${name.replace('@', '/')}/manifest.json`);
      new TrustFolder(options.keys, options.days).sign([], { remove, keys: options.key.map(readSigningKey) });
      console.log(
        `Struck off: ${names.join(', ')}. Hand it to the server: andon keys publish --keys ${options.keys}`,
      );
    });
  program
    .command('verify')
    .description('check every file of model packages, and that they are on the signed list')
    .argument('<package-folder...>')
    .option('--metadata <folder>', 'root.json and targets.json', shippedMetadata)
    .action((folders: string[], { metadata }: { metadata: string }) => {
      const { root, targets } = readMetadataFolder(metadata);
      const trusted = TrustedSet.pinned(root, targets);
      for (const folder of folders) {
        const { manifest, manifestSha256 } = verifyPackage(readPackageFolder(folder));
        trusted.approve({ ...manifest, manifestSha256 });
        console.log(`${modelTitle(manifest)} is whole and on the signed list. Manifest ${manifestSha256}.`);
      }
    });
}

interface InitOptions {
  serverKey?: string;
  rootKeys: number;
  rootThreshold: number;
  releaseKeys: number;
  releaseThreshold: number;
  days: number;
}

function keysOption(): Option {
  return new Option('--keys <folder>', 'the folder that andon keys init made').default(DEFAULT_FOLDER);
}

function keyOption(): Option {
  return new Option('--key <file>', 'a private key that is kept elsewhere; can be given again')
    .argParser((file: string, files: string[]) => [...files, file])
    .default([]);
}

function serverKeyOption(): Option {
  return new Option('--server-key <file>', "the server's server-public.json; without it the server is asked");
}

function daysOption(): Option {
  return new Option('--days <n>', 'how long what is signed now counts').argParser(count).default(1095);
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number < 100_000) return number;
  throw new InvalidArgumentError('a whole number above 0.');
}

function quorum(role: string, keys: number, threshold: number) {
  if (threshold <= keys) return { keys, threshold };
  throw cliError('ARGUMENT_INVALID', `${threshold} of ${keys} ${role} keys can never sign.`, {
    hint: `Raise --${role}-keys or lower --${role}-threshold.`,
  });
}

function roleOf(role: string): 'root' | 'release' {
  if (role === 'root' || role === 'release') return role;
  throw cliError('ARGUMENT_INVALID', `"${role}" is no role.`, {
    hint: 'Roles are root, release and server.',
  });
}

async function serverKeyOf(file: string | undefined, command: Command): Promise<string> {
  if (file === undefined) {
    const { api } = sharedOptions(command);
    return checkPublicKey((await api.trust()).serverPublicKey, api.url);
  }
  try {
    return publicKeyFileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).publicKey;
  } catch (cause) {
    throw cliError('KEY_UNREADABLE', `${file} holds no public key.`, {
      hint: 'It is keys/server-public.json in the dataDir of a server that ran once.',
      cause,
    });
  }
}

function trustText({
  online,
  metadata,
}: Awaited<ReturnType<ReturnType<typeof sharedOptions>['api']['trust']>>): string {
  if (!metadata) return 'No root is published yet: andon keys init, then andon keys publish.';
  const { root, targets, timestamp, signedUntilMs } = metadata;
  const ends = new Date(signedUntilMs).toISOString().slice(0, 10);
  const lines = [`Root ${root}, list ${targets}, timestamp ${timestamp}. Root and list count until ${ends}.`];
  if (!online) lines.push('The root does not name this server’s key: andon keys rotate server.');
  return lines.join('\n');
}
