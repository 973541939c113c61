/** What a device runs in a slot now, which is what a rollback must bring back. */
import type { ModelRef } from '../../protocol/messages.ts';
import type { FleetControl, FleetDevice } from './fleet-control.ts';

/** What it says, or, while it is away, what it was told. */
export function championHash(fleet: FleetControl, device: FleetDevice, slot: string): string | undefined {
  const said = device.reported?.slots[slot]?.champion?.manifestSha256;
  const told = fleet.desiredSlot(device.id, slot)?.champion.manifestSha256;
  return device.online ? (said ?? told) : (told ?? said);
}

/** Undefined when this server does not have that package, so could not bring it back. */
export function championOf(fleet: FleetControl, device: FleetDevice, slot: string): ModelRef | undefined {
  const hash = championHash(fleet, device, slot);
  return hash === undefined ? undefined : fleet.modelRefByHash(hash);
}
