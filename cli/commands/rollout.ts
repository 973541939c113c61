/** `andon rollout start|status|approve|pause|resume|abort`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { CodedError } from '../../protocol/errors.ts';
import { type WeeklyWindow, weeklyWindowSchema } from '../../protocol/weekly-window.ts';
import type { RolloutStage, RolloutView, StartRolloutRequest } from '../../sync-server/views/rollout.ts';
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
    .option(
      '--stage <devices:traffic[:approval]>',
      'shares above 0 and up to 1, and whether a person must let it in; may be given again',
      addStage,
    )
    .option('--margin <share>', 'by how much it may be worse, 0.02 is two points', readMargin)
    .option(
      '--window <days from-to>',
      'go on only then, for example "sat,sun 22:00-05:00"; may be given again',
      addWindow,
    )
    .option('--time-zone <name>', 'of the windows, for example Europe/Berlin; else the server’s own')
    .action(async (slot: string, model: string, given: Partial<StartRolloutOptions>, command: Command) => {
      const options = sharedOptions(command);
      const request: StartRolloutRequest = { slot, model };
      if (given.label) request.labels = given.label;
      if (given.stage) request.stages = given.stage;
      if (given.margin !== undefined) request.margin = given.margin;
      if (given.window) request.windows = given.window;
      if (given.timeZone !== undefined) request.timeZone = given.timeZone;
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
  rollout
    .command('approve')
    .description('let it into the stage that waits for a person')
    .argument('<id>')
    .option('--by <name>', 'who says so, for the record')
    .action(async (id: string, { by }: { by?: string }, command: Command) => {
      const options = sharedOptions(command);
      const view = await options.api.approveRollout(id, by);
      print(options, view, () => rolloutText(view));
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
  margin: number;
  window: WeeklyWindow[];
  timeZone: string;
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
  if (at < 1)
    throw cliError('ARGUMENT_INVALID', `--label "${text}" is not key=value.`, {
      hint: 'For example --label site=graz; andon devices shows the labels of each device.',
    });
  return { ...labels, [text.slice(0, at)]: text.slice(at + 1) };
}

function addStage(text: string, stages: RolloutStage[] = []): RolloutStage[] {
  const match = /^([\d.]+):([\d.]+)(:approval)?$/.exec(text);
  const [devices, traffic] = [Number(match?.[1]), Number(match?.[2])];
  if (!(devices > 0 && devices <= 1 && traffic > 0 && traffic <= 1)) {
    throw cliError('ARGUMENT_INVALID', `--stage "${text}" is not two shares above 0 and up to 1.`, {
      hint: 'For example --stage 0.1:0.05 is a tenth of the devices with 5% of their samples; --stage 1:1:approval asks a person first.',
    });
  }
  return [...stages, { devices, traffic, ...(match?.[3] ? { approval: true } : {}) }];
}

function readMargin(text: string): number {
  const margin = Number(text);
  if (margin > 0 && margin <= 0.5) return margin;
  throw cliError('ARGUMENT_INVALID', `--margin "${text}" is not a share above 0 and up to 0.5.`, {
    hint: 'For example --margin 0.02 lets it be up to two points worse.',
  });
}

/** Names of days and times are checked by the schema that the server checks them with. */
function addWindow(text: string, windows: WeeklyWindow[] = []): WeeklyWindow[] {
  const [days = '', times = ''] = text.trim().toLowerCase().split(/\s+/);
  const [from, to] = times.split('-');
  const window = weeklyWindowSchema.safeParse({ days: days.split(','), from, to });
  if (window.success) return [...windows, window.data];
  throw cliError('ARGUMENT_INVALID', `--window "${text}" is not days and two times of day.`, {
    hint: 'For example --window "sat,sun 22:00-05:00".',
  });
}
