/** `andon models list|show|search|note|alias|stage|lineage`: what was published, and what people say of it. */
import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import { cliError } from '../errors.ts';
import { parseModelName } from '../model-name.ts';
import { addressOf, lineageText, modelsText, modelText } from '../model-text.ts';
import { print, sharedOptions } from '../shared-options.ts';

export function addModelCommands(program: Command): void {
  const list = async (_options: unknown, command: Command) => {
    const options = sharedOptions(command);
    const models = await options.api.models();
    print(options, models, () => modelsText(models));
  };
  const models = program
    .command('models')
    .description('list the published models, mark them, search them')
    .action(list);
  models.command('list').description('the same').action(list);
  models
    .command('show')
    .description('one version with all that is known of it')
    .argument('<model>', MODEL)
    .action(async (model: string, _options, command: Command) => {
      const options = sharedOptions(command);
      const view = await options.api.model(...parseModelName(model));
      print(options, view, () => modelText(view));
    });
  models
    .command('lineage')
    .description('what a version was made from, and what was made from it')
    .argument('<model>', MODEL)
    .action(async (model: string, _options, command: Command) => {
      const options = sharedOptions(command);
      const view = await options.api.lineage(...parseModelName(model));
      print(options, view, () => lineageText(view));
    });
  addSearch(models);
  addMarks(models);
}

const MODEL = 'name@version or name@alias';

interface SearchOptions {
  name?: string;
  alias?: string;
  stage?: string;
  metric?: { metric: string; atLeast?: string };
  data?: string;
}

function addSearch(models: Command): void {
  models
    .command('search')
    .description('models for which all of this holds')
    .argument('[words...]', 'each stands in title, summary, notes, data set or script')
    .option('--name <name>')
    .option('--alias <alias>')
    .addOption(stageOption())
    .option('--metric <metric>', 'for example f-beta, or f-beta>=0.8', parseMetric)
    .option('--data <sha256>', 'the training data’s hash, or how it begins')
    .action(async (words: string[], given: SearchOptions, command: Command) => {
      const options = sharedOptions(command);
      const { name, alias, stage, metric, data } = given;
      const found = await options.api.models({
        ...(words.length > 0 ? { text: words.join(' ') } : {}),
        ...(name === undefined ? {} : { name }),
        ...(alias === undefined ? {} : { alias }),
        ...(stage === undefined ? {} : { stage }),
        ...metric,
        ...(data === undefined ? {} : { dataSha256: data }),
      });
      print(options, found, () => modelsText(found, 'No published model answers that. All: andon models'));
    });
}

function addMarks(models: Command): void {
  models
    .command('note')
    .description('replace the notes of a version')
    .argument('<model>', MODEL)
    .argument('<text>')
    .addOption(byOption())
    .action(async (model: string, text: string, { by }: { by: string }, command: Command) => {
      const options = sharedOptions(command);
      const view = await options.api.noteModel(...parseModelName(model), { text, by });
      print(options, view, () => `Noted on ${view.title}.`);
    });
  models
    .command('stage')
    .description('say which stage of its life a version is in; for people, no rollout goes by it')
    .argument('<model>', MODEL)
    .argument('<stage>', 'none, staging, production or archived')
    .addOption(byOption())
    .action(async (model: string, stage: string, { by }: { by: string }, command: Command) => {
      const options = sharedOptions(command);
      const view = await options.api.setStage(...parseModelName(model), { stage, by });
      print(options, view, () => `${view.title} is ${view.stage === 'none' ? 'in no stage' : view.stage}.`);
    });
  models
    .command('alias')
    .description('point an alias to a version, or take it away')
    .argument('<model>', MODEL)
    .argument('[alias]', 'for example champion')
    .option('--drop', 'take the alias away that <model> names')
    .addOption(byOption())
    .action(async (model: string, alias: string | undefined, given: AliasOptions, command: Command) => {
      const options = sharedOptions(command);
      const [name, reference] = parseModelName(model);
      if (given.drop) {
        const view = await options.api.dropAlias(name, reference, given.by);
        print(options, view, () => `${name}@${reference} is no more; it was ${addressOf(view)}.`);
        return;
      }
      if (alias === undefined) {
        throw cliError('ARGUMENT_INVALID', 'Which alias?', {
          hint: `andon models alias ${model} champion, or andon models alias ${name}@champion --drop`,
        });
      }
      const view = await options.api.setAlias(name, alias, { reference, by: given.by });
      print(options, view, () => `${name}@${alias} is now ${addressOf(view)}.`);
    });
}

interface AliasOptions {
  by: string;
  drop?: boolean;
}

function byOption(): Option {
  return new Option('--by <who>', 'who says so').default(userInfo().username);
}

function stageOption(): Option {
  return new Option('--stage <stage>').choices(['none', 'staging', 'production', 'archived']);
}

function parseMetric(text: string): { metric: string; atLeast?: string } {
  const match = /^([a-z0-9-]+)(?:>=(-?[0-9.]+))?$/.exec(text);
  if (!match?.[1]) {
    throw cliError('ARGUMENT_INVALID', `--metric "${text}" is no metric.`, {
      hint: 'For example --metric "f-beta>=0.8".',
    });
  }
  return { metric: match[1], ...(match[2] === undefined ? {} : { atLeast: match[2] }) };
}
