/** Which devices a rollout is about, and which of them a stage takes. Pure. */
import { createHash } from 'node:crypto';
import type { FleetDevice } from './fleet-control.ts';

/** Devices with all of `labels` that have the slot: they said so, or the server gave it to them. */
export function matchingDevices(
  devices: readonly FleetDevice[],
  slot: string,
  labels: Readonly<Record<string, string>>,
  hasDesired: (device: string) => boolean,
): FleetDevice[] {
  return devices.filter(
    (device) =>
      Object.entries(labels).every(([key, value]) => device.labels[key] === value) &&
      (device.reported?.slots[slot] !== undefined || hasDesired(device.id)),
  );
}

/**
 * The devices that a stage adds to those that are in already, so that `share` of all candidates (rounded up, at least
 * one) has the new model. Online devices come first, since only they bring evidence; then a hash of device and rollout
 * decides, so that every rollout begins on another device and a restart chooses the same.
 */
export function devicesToAdd(
  rolloutId: string,
  share: number,
  candidates: readonly FleetDevice[],
  members: ReadonlySet<string>,
): string[] {
  const wanted = Math.max(1, Math.ceil(share * candidates.length - 1e-9));
  const already = candidates.filter((device) => members.has(device.id)).length;
  return candidates
    .filter((device) => !members.has(device.id))
    .map((device) => ({ id: device.id, offline: device.online ? 0 : 1, rank: rankOf(device.id, rolloutId) }))
    .sort((a, b) => a.offline - b.offline || a.rank - b.rank || (a.id < b.id ? -1 : 1))
    .slice(0, Math.max(0, wanted - already))
    .map((device) => device.id);
}

function rankOf(device: string, rolloutId: string): number {
  return createHash('sha256').update(`${rolloutId}/${device}`).digest().readUInt32BE(0);
}
