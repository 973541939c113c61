/** A rollout as the console and the CLI show it. Pure. */
import type { RolloutView } from '../views/rollout.ts';
import { shownCurve } from './curve.ts';
import type { FleetDevice } from './fleet-control.ts';
import type { Rollout, RolloutDecision } from './rollout.ts';

/** @param decisions newest first */
export function rolloutView(
  rollout: Rollout,
  devices: readonly FleetDevice[],
  decisions: readonly RolloutDecision[],
): RolloutView {
  return {
    id: rollout.id,
    slot: rollout.slot,
    from: rollout.fromTitle,
    to: rollout.toTitle,
    state: rollout.state,
    stage: rollout.stage,
    stages: rollout.stages,
    plan: rollout.plan,
    reason: rollout.reason,
    startedAtMs: rollout.startedAtMs,
    updatedAtMs: rollout.updatedAtMs,
    evidence: rollout.evidence,
    curve: shownCurve(rollout),
    drifting: rollout.drifting,
    devices: devices
      .filter((device) => rollout.members[device.id] && runs(rollout, device))
      .map(({ id }) => id),
    decisions: decisions.map(({ timeMs, state, stage, reason }) => ({ timeMs, state, stage, reason })),
  };
}

function runs(rollout: Rollout, device: FleetDevice): boolean {
  const slot = device.reported?.slots[rollout.slot];
  const hash = rollout.to.manifestSha256;
  return slot?.champion?.manifestSha256 === hash || slot?.challenger?.manifestSha256 === hash;
}
