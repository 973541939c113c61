/** `andon bundle`, `andon install` and `andon pin`: a model to a device without a network. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { stdin, stdout } from 'node:process';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { hashPin } from '../../agent/http/operator-pin.ts';
import { encodeBundle } from '../../protocol/bundle.ts';
import { codeOf } from '../../protocol/errors.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { AgentApi, DEFAULT_AGENT } from '../agent-api.ts';
import { cliError } from '../errors.ts';
import { readPackageFolder } from '../package-folder.ts';
import { print, sharedOptions } from '../shared-options.ts';

const SHORTEST_PIN = 4;

export function addStickCommands(program: Command): void {
  program
    .command('bundle')
    .description('put a signed package and its metadata into one file, for a device without a network')
    .argument('<package-folder>')
    .requiredOption('-o, --output <file>', 'for example stick/model.andon')
    .action(async (folder: string, { output }: { output: string }, command: Command) => {
      const files = readPackageFolder(folder);
      const { manifest, manifestSha256 } = verifyPackage(files);
      const metadata = await sharedOptions(command).api.trustFiles();
      // As the device will: what it would refuse is not carried there.
      const first = metadata.get('1.root.json');
      if (!first) throw noRoot();
      TrustedSet.pinned(first)
        .updated(metadata, Date.now())
        .approve({ ...manifest, manifestSha256 });
      const bundle = encodeBundle({ metadata, files });
      writeFileSync(`${output}.part`, bundle, { flush: true });
      renameSync(`${output}.part`, output);
      console.log(
        `Wrote ${modelTitle(manifest)} to ${output} (${(bundle.length / 1024).toFixed(0)} KiB). On the device: andon install ${output}`,
      );
    });
  program
    .command('install')
    .description('install a bundle on a device, with the operators’ PIN')
    .argument('<file>', 'made by andon bundle')
    .option('--agent <url>', 'address of the device’s page', process.env.ANDON_AGENT ?? DEFAULT_AGENT)
    .option('--slot <slot>', 'where it shall work; not needed where only one slot fits')
    .option('--pin <pin>', 'the operators’ PIN; asked for when it is not given', process.env.ANDON_PIN)
    .action(async (file: string, options: InstallOptions, command: Command) => {
      const pin = options.pin ?? (await askPin());
      const done = await new AgentApi(options.agent).install(readBundle(file), pin, options.slot);
      print(
        sharedOptions(command),
        done,
        () => `${done.title} is on the device and wanted in ${done.slot}. Watch it there: ${options.agent}`,
      );
    });
  program
    .command('pin')
    .description('make the file that holds the operators’ PIN of a device (as a hash)')
    .argument('<file>', 'name it under http.pinFile in device.config.json')
    .action(async (file: string) => {
      const pin = process.env.ANDON_PIN ?? (await askPin());
      if (pin.length < SHORTEST_PIN) {
        throw cliError('ARGUMENT_INVALID', `A PIN has at least ${SHORTEST_PIN} characters.`, {});
      }
      const again = existsSync(file);
      writeFileSync(`${file}.part`, hashPin(pin), { mode: 0o600, flush: true });
      renameSync(`${file}.part`, file);
      console.log(again ? `The PIN in ${file} is replaced.` : `Wrote ${file}. Name it under http.pinFile.`);
    });
}

interface InstallOptions {
  agent: string;
  slot?: string;
  pin?: string;
}

function readBundle(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw cliError('FOLDER_UNREADABLE', `${file} cannot be read (${codeOf(cause)}).`, {
      hint: 'Is the stick in, and mounted?',
      cause,
    });
  }
}

async function askPin(): Promise<string> {
  if (!stdin.isTTY) {
    throw cliError('ARGUMENT_INVALID', 'No PIN was given.', {
      hint: 'Set ANDON_PIN, or run this at a terminal.',
    });
  }
  const terminal = createInterface({ input: stdin, output: stdout });
  try {
    return (await terminal.question('PIN: ')).trim();
  } finally {
    terminal.close();
  }
}

function noRoot(): Error {
  return cliError('SERVER_ANSWER_UNKNOWN', 'The server has no signed metadata yet.', {
    hint: 'Publish them first: andon keys publish --keys <folder>.',
  });
}
