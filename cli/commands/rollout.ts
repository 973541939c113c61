/** `andon rollout start|status|pause|resume|abort`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { CodedError } from '../../protocol/errors.ts';
import type { RolloutStage, RolloutView, StartRolloutRequest } from '../../sync-server/http/view.ts';
import { cliError } from '../errors.ts';
import { rolloutsText, rolloutText } from '../rollout-text.ts';
import { plain, print, type SharedOptions, sharedOptions } from '../shared-options.ts';

const WATCH_EVERY_MS = 1000;

export function addRolloutCommands(program: Command): void {
  const rollout = program.command('rollout').description('move a slot from one model version to another');
  rollout
    .command('start')
    .description('start a staged rollout, gated by evidence')
    .argument('<slot>', 'the job on the devices, for example machine-failure')
    .argument('<model>', 'name@version or name@alias, for example milling-failure@2')
    .option('--label <key=value>', 'only devices with this label; may be given again', addLabel)
    .option('--stage <devices:traffic>', 'shares above 0 and up to 1; may be given again', addStage)
    .action(async (slot: string, model: string, given: Partial<StartRolloutOptions>, command: Command) => {
      const options = sharedOptions(command);
      const request: StartRolloutRequest = { slot, model };
      if (given.label) request.labels = given.label;
      if (given.stage) request.stages = given.stage;
      const view = await options.api.startRollout(request);
      print(options, view, () => `${rolloutText(view)}\n  Watch it: andon rollout status ${view.id} --watch`);
    });
  rollout
    .command('status')
    .description('show all rollouts, or one with its decisions')
    .argument('[id]')
    .option('--watch', 'go on showing changes until it ends')
    .action(async (id: string | undefined, { watch }: { watch?: boolean }, command: Command) => {
      const options = sharedOptions(command);
      await (watch ? watchRollout(options, id) : showStatus(options, id));
    });
  for (const [action, description] of [
    ['pause', 'stop judging; what runs where stays as it is'],
    ['resume', 'go on after a pause'],
    ['abort', 'end it and bring the old model back everywhere'],
  ] as const) {
    rollout
      .command(action)
      .description(description)
      .argument('<id>')
      .action(async (id: string, _options, command: Command) => {
        const options = sharedOptions(command);
        const view = await options.api.actOnRollout(id, action);
        print(options, view, () => rolloutText(view));
      });
  }
}

interface StartRolloutOptions {
  label: Record<string, string>;
  stage: RolloutStage[];
}

async function showStatus(options: SharedOptions, id: string | undefined): Promise<void> {
  const { rollouts } = await options.api.fleet();
  if (id === undefined) {
    print(options, rollouts, () => rolloutsText(rollouts));
    return;
  }
  const view = find(rollouts, id);
  print(options, view, () => rolloutText(view));
}

/** Prints the rollout (the newest when none is named) whenever its words change, until it has ended. */
async function watchRollout(options: SharedOptions, id: string | undefined): Promise<void> {
  let shown = '';
  let watched = id;
  for (;;) {
    const { rollouts } = await options.api.fleet();
    const view = find(rollouts, watched ?? rollouts[0]?.id ?? '');
    watched = view.id;
    const text = options.json ? JSON.stringify(view) : plain(rolloutText(view));
    if (text !== shown) console.log(shown === '' || options.json ? text : `\n${text}`);
    shown = text;
    if (view.state === 'done' || view.state === 'rolled-back' || view.state === 'aborted') return;
    await sleep(WATCH_EVERY_MS);
  }
}

function find(rollouts: readonly RolloutView[], id: string): RolloutView {
  const view = rollouts.find((rollout) => rollout.id === id);
  if (view) return view;
  throw new CodedError(
    'ROLLOUT_UNKNOWN',
    id === '' ? 'There is no rollout yet.' : `There is no rollout "${id}".`,
    {
      hint: 'andon rollout status lists them.',
    },
  );
}

function addLabel(text: string, labels: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw cliError('ARGUMENT_INVALID', `--label "${text}" is not key=value.`);
  return { ...labels, [text.slice(0, at)]: text.slice(at + 1) };
}

function addStage(text: string, stages: RolloutStage[] = []): RolloutStage[] {
  const [devices, traffic, ...rest] = text.split(':').map(Number);
  if (!devices || !traffic || rest.length > 0 || devices > 1 || traffic > 1 || devices < 0 || traffic < 0) {
    throw cliError('ARGUMENT_INVALID', `--stage "${text}" is not two shares above 0 and up to 1.`, {
      hint: 'For example --stage 0.1:0.05 is a tenth of the devices with 5 % of their samples.',
    });
  }
  return [...stages, { devices, traffic }];
}
