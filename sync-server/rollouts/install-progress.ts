/** How far a rollout's members are, by what they report. Pure. */
import type { FleetDevice } from './fleet-control.ts';
import { isLastStage, type Rollout } from './rollout.ts';

export interface InstallProgress {
  /** Online members that do not yet run what this stage wants of them. */
  readonly waiting: string[];
  readonly offline: string[];
  /** Of those offline: they ran the new model when they were last heard of. */
  readonly silent: string[];
  /** Members that said no to the new model, or took it back by themselves. */
  readonly failures: { readonly device: string; readonly reason: string }[];
}

/** A report counts only when it answers the desired state that this rollout gave: older words may be about an earlier try. */
export function installProgress(rollout: Rollout, devices: readonly FleetDevice[]): InstallProgress {
  const progress: InstallProgress = { waiting: [], offline: [], silent: [], failures: [] };
  for (const device of devices) {
    const member = rollout.members[device.id];
    if (!member) continue;
    if (!device.online) progress.offline.push(device.id);
    const reported = device.reported;
    const slot = reported?.slots[rollout.slot];
    const answers = reported !== null && member.generation > 0 && reported.generation >= member.generation;
    const install = slot?.install?.manifestSha256 === rollout.to.manifestSha256 ? slot.install : undefined;
    if (answers && (install?.state === 'refused' || install?.state === 'rolled-back')) {
      progress.failures.push({ device: device.id, reason: install.reason ?? install.state });
      continue;
    }
    const runs = isLastStage(rollout)
      ? slot?.champion?.manifestSha256 === rollout.to.manifestSha256 &&
        (!install || install.state === 'committed')
      : slot?.challenger?.manifestSha256 === rollout.to.manifestSha256;
    const has = answers && runs;
    if (device.online && !has) progress.waiting.push(device.id);
    if (!device.online && has) progress.silent.push(device.id);
  }
  return progress;
}
