/** Publishing, starting and following a rollout, told decision by decision. */
import { join } from 'node:path';
import type { DeviceView, FleetView } from '../../../sync-server/views/fleet.ts';
import type { ModelView } from '../../../sync-server/views/model.ts';
import type { RolloutState, RolloutView } from '../../../sync-server/views/rollout.ts';
import { readPackageFolder } from '../../package-folder.ts';
import { stageText } from '../../rollout-text.ts';
import { DEMO_SLOT } from '../configs.ts';
import { waitFor } from '../wait-for.ts';
import type { Stage } from './stage.ts';

/** Publishes a shipped package, or finds it published. @param folder its folder name under milling-failure */
export async function published(stage: Stage, folder: string): Promise<ModelView> {
  const version = Number.parseInt(folder, 10);
  const find = ({ models }: FleetView) =>
    models.find((model) => model.name === 'milling-failure' && model.version === version);
  const known = find(await stage.api.fleet());
  if (known) return known;
  await stage.api.publish(readPackageFolder(join(stage.models, 'milling-failure', folder)));
  return waitFor('the model in the registry', 15_000, stage, async () => find(await stage.api.fleet()));
}

/** The rollout of this model that is under way (a demo that was ended in the middle left it), or a new one. */
export async function rolloutOf({ api }: Stage, model: ModelView): Promise<RolloutView> {
  const underWay = (await api.fleet()).rollouts.find(
    (rollout) => rollout.slot === DEMO_SLOT && !hasEnded(rollout),
  );
  if (underWay?.to === model.title) return underWay;
  if (underWay) await api.actOnRollout(underWay.id, 'abort');
  return api.startRollout({ slot: DEMO_SLOT, model: `${model.name}@${model.version}` });
}

/** Tells each decision as it comes, until the rollout has ended. */
export async function follow(stage: Stage, rollout: RolloutView, patienceMs: number): Promise<RolloutView> {
  const { api, tell } = stage;
  let told = 0;
  const canaries = new Set<string>();
  return waitFor(`the end of the rollout of ${rollout.to}`, patienceMs, stage, async (sees) => {
    const fleet = await api.fleet();
    const view = fleet.rollouts.find(({ id }) => id === rollout.id);
    if (!view) return undefined;
    for (const decision of view.decisions.slice(0, view.decisions.length - told).reverse()) {
      tell.say(`  ${decisionText(decision, view)}`);
    }
    told = view.decisions.length;
    for (const device of fleet.devices) {
      const challenger = device.reported?.slots[DEMO_SLOT]?.challenger;
      const words = `${challenger?.title} on ${percent(challenger?.share ?? 0)} of its parts`;
      if (!challenger || challenger.title !== rollout.to || canaries.has(`${device.id} ${words}`)) continue;
      canaries.add(`${device.id} ${words}`);
      tell.say(`  ${device.id} reports: ${words}, looking on at the others.`);
    }
    sees(`${view.reason} (${fleet.devices.map((device) => installWords(device, rollout.to)).join(', ')})`);
    return hasEnded(view) ? view : undefined;
  });
}

/** Waits until every device really reports `model` alone in the slot. */
export async function everyDeviceRuns(stage: Stage, model: ModelView, patienceMs: number): Promise<void> {
  const what = `every device running ${model.title} alone`;
  await waitFor(what, patienceMs, stage, async (sees) => {
    const { devices } = await stage.api.fleet();
    sees(devices.map((device) => installWords(device, model.title)).join(', '));
    return devices.length === stage.devices.length && devices.every((d) => runsAlone(d, model))
      ? true
      : undefined;
  });
}

export function runsAlone(device: DeviceView, model: ModelView): boolean {
  const slot = device.reported?.slots[DEMO_SLOT];
  return slot?.champion?.manifestSha256 === model.manifestSha256 && slot.challenger === null;
}

/** `mill-2 fetching, 3 of 5 chunks`: how far it is with the model. */
function installWords({ id, online, reported }: DeviceView, title: string): string {
  if (!online) return `${id} offline`;
  const slot = reported?.slots[DEMO_SLOT];
  const { install } = slot ?? {};
  if (install?.title !== title) return `${id} running ${slot?.champion?.title ?? 'no model'}`;
  const { state, chunksHave, chunksWant } = install;
  const chunks = state === 'fetching' && chunksWant > 0 ? `, ${chunksHave} of ${chunksWant} chunks` : '';
  return `${id} ${state}${chunks}`;
}

const STATE_WORDS: Record<Exclude<RolloutState, 'advancing'>, string> = {
  holding: 'Holds',
  'waiting-for-approval': 'Waits for approval',
  paused: 'Paused',
  done: 'Done',
  'rolled-back': 'Rolled back',
  aborted: 'Aborted',
};

function decisionText({ state, stage, reason }: RolloutView['decisions'][number], view: RolloutView): string {
  if (state !== 'advancing') return `${STATE_WORDS[state]}. ${reason}`;
  return `Stage ${stage + 1} of ${view.stages.length} (${stageText(view.stages[stage])}). ${reason}`;
}

function hasEnded({ state }: RolloutView): boolean {
  return state === 'done' || state === 'rolled-back' || state === 'aborted';
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
