/** `andon mlflow pull`: a model of MLflow becomes an unsigned package folder. `andon mlflow status`: what the server knows of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { writePackageFolder } from '../../agent/models/package-folder.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { mlflowAuthorization } from '../../sync-server/mlflow/credentials.ts';
import { MlflowClient } from '../../sync-server/mlflow/mlflow-client.ts';
import type { MlflowView } from '../../sync-server/views/mlflow.ts';
import { cliError } from '../errors.ts';
import { readFacts } from '../mlflow/facts.ts';
import { type PulledModel, pullModel } from '../mlflow/pull-model.ts';
import { parseModelName } from '../model-name.ts';
import { readPackageFolder } from '../package-folder.ts';
import { print, sharedOptions } from '../shared-options.ts';

const DEFAULT_TRACKING_URI = 'http://127.0.0.1:5000';

interface PullOptions {
  output: string;
  trackingUri: string;
  manifestFrom?: string;
  as?: string;
  fact: Record<string, string>;
  baseline?: string;
  golden?: string;
}

export function addMlflowCommands(program: Command): void {
  const mlflow = program.command('mlflow').description('take models out of MLflow, and follow its aliases');
  addStatus(mlflow);
  mlflow
    .command('pull')
    .description('make an unsigned package of an ONNX model in MLflow')
    .argument('<uri>', 'models:/name@alias, models:/name/3 or runs:/<run id>/<model name>')
    .requiredOption('-o, --output <folder>', 'the package folder; must not exist yet')
    .option(
      '--tracking-uri <url>',
      'address of MLflow; a login comes from MLFLOW_TRACKING_USERNAME, _PASSWORD or _TOKEN',
      process.env.MLFLOW_TRACKING_URI ?? DEFAULT_TRACKING_URI,
    )
    .option(
      '--manifest-from <folder>',
      'an earlier version of ours: lends what does not depend on the weights',
    )
    .option('--as <name@version>', 'in place of name and version in MLflow')
    .option(
      '--fact <name=value>',
      'what MLflow does not say, as in docs/mlflow.md; may be given again',
      addFact,
      {},
    )
    .option('--baseline <file>', 'baseline.json: how the training data look')
    .option('--golden <file>', 'golden.json: samples with the answers of the trained model')
    .action(async (uri: string, given: PullOptions, command: Command) => {
      const options = sharedOptions(command);
      const folder = resolve(given.output);
      if (existsSync(folder) && readdirSync(folder).length > 0) {
        throw cliError('FOLDER_UNREADABLE', `${given.output} is there already, and is not empty.`, {
          hint: 'A package never changes: name a new folder.',
        });
      }
      const pulled = await pullModel({
        client: new MlflowClient({
          trackingUri: given.trackingUri,
          authorization: mlflowAuthorization({}, process.env),
        }),
        uri,
        facts: readFacts(factsGiven(given), 'the command line', true),
        earlier: given.manifestFrom === undefined ? undefined : readEarlier(given.manifestFrom),
        baseline: fileOf(given.baseline),
        golden: fileOf(given.golden),
      });
      await writePackageFolder(dirname(folder), basename(folder), pulled.files);
      print(options, { folder, manifest: pulled.manifest }, () => pulledText(uri, given.output, pulled));
    });
}

function addStatus(mlflow: Command): void {
  mlflow
    .command('status')
    .description('what the server knows of MLflow: where aliases point, and what is still to be done')
    .action(async (_options, command: Command) => {
      const options = sharedOptions(command);
      const { mlflow: view } = await options.api.fleet();
      print(options, view, () => (view ? mlflowText(view) : NOT_CONFIGURED));
    });
}

const NOT_CONFIGURED =
  'The server follows no MLflow. Name one under "mlflow" in its configuration; see docs/mlflow.md.';

function mlflowText(view: MlflowView): string {
  return [
    `MLflow at ${view.trackingUri}: ${view.problem ?? (view.asked ? 'answers' : 'not asked yet')}`,
    `  reports to be sent  ${view.waiting}`,
    ...view.aliases.flatMap(({ name, alias, version, words, commands }) => [
      `  ${name}@${alias}  ${version === null ? words : `version ${version} ${words}`}`,
      ...commands.map((each) => `    ${each}`),
    ]),
  ].join('\n');
}

function pulledText(uri: string, folder: string, { manifest, files, goldenFrom }: PulledModel): string {
  const { samples } = JSON.parse(String(files.get(manifest.golden.file))) as { samples: unknown[] };
  const answered = goldenFrom === 'training' ? 'given by the training, and met here' : 'answered here';
  return [
    `Pulled ${modelTitle(manifest)} out of ${uri}.`,
    `  Golden samples: ${samples.length}, ${answered} by ONNX Runtime; a device may differ by ${manifest.golden.tolerance}.`,
    `  Look at ${folder}/manifest.json, then put it on the signed list and publish it:`,
    `    andon sign ${folder} --keys <keys folder>`,
    `    andon publish ${folder} --keys <keys folder>`,
  ].join('\n');
}

function factsGiven({ as, fact }: PullOptions): Record<string, string> {
  if (as === undefined) return fact;
  const [name, version] = parseModelName(as);
  return { ...fact, name, version };
}

function addFact(text: string, facts: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at > 0) return { ...facts, [text.slice(0, at)]: text.slice(at + 1) };
  throw cliError('ARGUMENT_INVALID', `--fact "${text}" is not name=value.`, {
    hint: 'For example --fact threshold=0.5, or --fact \'labels=["ok","failure"]\'.',
  });
}

function readEarlier(folder: string) {
  const files = readPackageFolder(folder);
  return { files, manifest: verifyPackage(files).manifest };
}

function fileOf(path: string | undefined): Buffer | undefined {
  return path === undefined ? undefined : readFileSync(path);
}
