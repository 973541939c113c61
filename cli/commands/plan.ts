/** `andon plan`: what an order would do to a device, before it is given. */
import { type Command, Option } from 'commander';
import { AgentApi, DEFAULT_AGENT } from '../agent-api.ts';
import { cliError } from '../errors.ts';
import { parseModelName } from '../model-name.ts';
import { print, sharedOptions } from '../shared-options.ts';

interface PlanOptions {
  agent: string;
  share: number;
  champion?: string;
}

export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description('say what a desired state would do to a device, without doing it')
    .argument('<slot>')
    .argument('<model>', 'name@version or name@alias of a published model')
    .option('--agent <url>', 'address of the device’s page', process.env.ANDON_AGENT ?? DEFAULT_AGENT)
    .addOption(
      new Option('--share <share>', 'share of the samples: below 1 beside a champion')
        .argParser(shareOf)
        .default(1),
    )
    .option('--champion <model>', 'name@version that stays champion; needed with --share below 1')
    .action(async (slot: string, model: string, options: PlanOptions, command: Command) => {
      const shared = sharedOptions(command);
      const refOf = async (text: string) => (await shared.api.model(...parseModelName(text))).ref;
      const ref = await refOf(model);
      if (options.share < 1 && options.champion === undefined) {
        throw cliError('ARGUMENT_INVALID', 'A share below 1 needs a champion beside it.', {
          hint: 'Add --champion name@version.',
        });
      }
      const desired =
        options.share < 1 && options.champion !== undefined
          ? {
              champion: await refOf(options.champion),
              challenger: { model: ref, share: options.share, rolloutId: 'plan' },
            }
          : { champion: ref, challenger: null };
      const { steps } = await new AgentApi(options.agent).plan(slot, desired);
      print(shared, steps, () => steps.map(({ words }, i) => `${i + 1}. ${words}`).join('\n'));
    });
}

function shareOf(text: string): number {
  const share = Number(text);
  if (share > 0 && share <= 1) return share;
  throw cliError('ARGUMENT_INVALID', `--share "${text}" is not above 0 and up to 1.`, {
    hint: 'For example --share 0.05.',
  });
}
