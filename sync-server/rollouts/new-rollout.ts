/** Makes a rollout from a person's request, or says why it cannot be. */
import { modelTitle } from '../../protocol/manifest.ts';
import type { ModelRef } from '../../protocol/messages.ts';
import { serverError } from '../errors.ts';
import type { RolloutStage, StartRolloutRequest } from '../views/rollout.ts';
import { championHash, championOf } from './champion.ts';
import { matchingDevices } from './cohort.ts';
import type { FleetControl, FleetDevice } from './fleet-control.ts';
import type { Rollout, RolloutPlan } from './rollout.ts';

const WHOLE: RolloutStage = { devices: 1, traffic: 1 };

/** One device at 5 % of its traffic, half the devices at half of it, then all. */
const DEFAULT_STAGES: readonly RolloutStage[] = [
  { devices: 0.05, traffic: 0.05 },
  { devices: 0.5, traffic: 0.5 },
  WHOLE,
];

export type PlanDefaults = Pick<RolloutPlan, 'alpha' | 'margin' | 'minPairs' | 'maxFailedShare'>;

/**
 * @throws CodedError REQUEST_INVALID, MODEL_UNKNOWN, ALIAS_UNKNOWN, ROLLOUT_NO_DEVICES
 */
export function newRollout(
  { fleet, config }: { readonly fleet: FleetControl; readonly config: PlanDefaults },
  request: StartRolloutRequest,
  id: string,
  nowMs: number,
): Rollout {
  const to = parseModel(fleet, request.model);
  const labels = request.labels ?? {};
  const stages = wholeAtLast(request.stages ?? DEFAULT_STAGES);
  const devices = matchingDevices(fleet.devices(), request.slot, labels, (device) =>
    Boolean(fleet.desiredSlot(device, request.slot)),
  );
  if (devices.length === 0) {
    throw serverError(
      'ROLLOUT_NO_DEVICES',
      `no device${request.labels ? ' with these labels' : ''} has a slot "${request.slot}"`,
      {
        hint: `Slots that devices have reported: ${slotsOf(fleet).join(', ') || 'none yet'}.`,
      },
    );
  }
  const outdated = devices.filter(
    (device) => championHash(fleet, device, request.slot) !== to.manifestSha256,
  );
  if (outdated.length === 0) {
    throw serverError(
      'ROLLOUT_NO_DEVICES',
      `every matching device runs ${modelTitle(to)} in "${request.slot}" already`,
      { hint: 'There is nothing to do. andon devices shows what each one runs.' },
    );
  }
  const froms = new Map<string, ModelRef>();
  for (const device of outdated) {
    const champion = championOf(fleet, device, request.slot);
    if (champion) froms.set(champion.manifestSha256, champion);
  }
  if (froms.size === 0) throw unknownChampion(outdated, request.slot);
  for (const from of froms.values()) sameLabels(fleet, from, to);
  return {
    id,
    slot: request.slot,
    to,
    toTitle: modelTitle(to),
    fromTitle: [...froms.values()].map(modelTitle).sort().join(', '),
    labels,
    stages,
    plan: planOf(request, config),
    approvedStage: 0,
    state: 'advancing',
    stage: 0,
    reason: 'Just begun.',
    startedAtMs: nowMs,
    stageStartedAtMs: nowMs,
    updatedAtMs: nowMs,
    members: {},
    evidence: {
      pairs: 0,
      challengerBetter: 0,
      championBetter: 0,
      championMetric: null,
      challengerMetric: null,
      metricName: fleet.manifestOf(to.manifestSha256).metric.name,
      difference: null,
      needed: null,
      perDay: null,
    },
    curve: [],
    drifting: [],
    settled: false,
  };
}

function planOf({ margin, windows, timeZone }: StartRolloutRequest, defaults: PlanDefaults): RolloutPlan {
  return {
    alpha: defaults.alpha,
    margin: margin ?? defaults.margin,
    minPairs: defaults.minPairs,
    maxFailedShare: defaults.maxFailedShare,
    windows: windows ?? [],
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}

function parseModel(fleet: FleetControl, model: string): ModelRef {
  const match = /^([a-z0-9][a-z0-9-]*)@([a-z0-9][a-z0-9-]*)$/.exec(model);
  if (!match?.[1] || !match[2]) {
    throw serverError('REQUEST_INVALID', `"${model}" names no model`, {
      hint: 'Write name@version or name@alias, for example milling-failure@2.',
    });
  }
  return fleet.modelRef(match[1], match[2]);
}

function wholeAtLast(stages: readonly RolloutStage[]): RolloutStage[] {
  if (stages[0]?.approval) {
    throw serverError('REQUEST_INVALID', 'the first stage needs no approval: starting the rollout is it', {
      hint: 'Ask for approval before a later stage.',
    });
  }
  for (const [i, stage] of stages.entries()) {
    const previous = stages[i - 1];
    const inRange = [stage.devices, stage.traffic].every((share) => share > 0 && share <= 1);
    if (!inRange || (previous && stage.devices < previous.devices)) {
      throw serverError(
        'REQUEST_INVALID',
        `stage ${i + 1} (${stage.devices}:${stage.traffic}) is not possible`,
        {
          hint: 'Shares lie above 0 and up to 1, and a stage never has fewer devices than the one before.',
        },
      );
    }
  }
  const last = stages.at(-1);
  return last?.devices === 1 && last.traffic === 1 ? [...stages] : [...stages, WHOLE];
}

/** Labels travel as indices; evidence would compare apples with pears if the two models numbered them differently. */
function sameLabels(fleet: FleetControl, from: ModelRef, to: ModelRef): void {
  const labelsOf = (ref: ModelRef) => fleet.manifestOf(ref.manifestSha256).output.decision.labels.join(', ');
  if (labelsOf(from) === labelsOf(to)) return;
  throw serverError(
    'REQUEST_INVALID',
    `${modelTitle(to)} answers ${labelsOf(to)}, but ${modelTitle(from)} in the slot answers ${labelsOf(from)}`,
    { hint: 'A rollout needs a model for the same job: the same labels in the same order.' },
  );
}

function unknownChampion(devices: readonly FleetDevice[], slot: string): Error {
  const device = devices[0];
  const title = device?.reported?.slots[slot]?.champion?.title ?? 'a model';
  return serverError(
    'MODEL_UNKNOWN',
    `${device?.id} runs ${title}, which was never published here, so it could not be brought back`,
    { hint: 'Publish the version that the devices run now first: andon publish <folder>.' },
  );
}

function slotsOf(fleet: FleetControl): string[] {
  return [...new Set(fleet.devices().flatMap((device) => Object.keys(device.reported?.slots ?? {})))].sort();
}
