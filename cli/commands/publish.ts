/** `andon publish <folder>`: hands a signed model package to the registry. */
import type { Command } from 'commander';
import { modelTitle } from '../../protocol/manifest.ts';
import { parseManifest } from '../../protocol/package-verify.ts';
import { readPackageFolder } from '../package-folder.ts';
import { print, sharedOptions } from '../shared-options.ts';
import { TrustFolder } from '../trust-folder.ts';

export function addPublishCommand(program: Command): void {
  program
    .command('publish')
    .description('publish a signed model package')
    .argument('<folder>', 'package folder, for example models/milling-failure/2')
    .option('--notes <text>', 'a word for the people who look at the registry', '')
    .option('--keys <folder>', 'also hands over roots and the signed list of this keys folder')
    .action(async (folder: string, { notes, keys }: { notes: string; keys?: string }, command: Command) => {
      const options = sharedOptions(command);
      const files = readPackageFolder(folder);
      const manifest = parseManifest(files.get('manifest.json') ?? Buffer.alloc(0));
      if (keys !== undefined) await options.api.publishTrust(new TrustFolder(keys, 0).files());
      const model = await options.api.publish(files, notes);
      print(options, model, () => {
        const address = `${manifest.name}@${manifest.version}`;
        return `Published ${modelTitle(manifest)}.\n  Roll it out: andon rollout start <slot> ${address}`;
      });
    });
}
