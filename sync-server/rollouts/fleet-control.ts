/** What a rollout may do with the fleet: see the devices, look models up, and say what a slot of a device shall run. */
import type { Manifest } from '../../protocol/manifest.ts';
import type { DesiredSlot, ModelRef, Reported } from '../../protocol/messages.ts';

export interface FleetDevice {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly online: boolean;
  readonly lastSeenMs: number;
  /** The newest reported state; null before the first. */
  readonly reported: Reported | null;
}

export interface FleetControl {
  devices(): readonly FleetDevice[];
  /** What the server wants in this slot; undefined while it never said anything about it. */
  desiredSlot(device: string, slot: string): DesiredSlot | undefined;
  /**
   * Stored durably when it returns; published then, and again whenever the device connects. Equal to what is wanted
   * already: changes nothing.
   * @returns the device's generation that carries it, to be compared with `reported.generation`
   */
  setSlot(device: string, slot: string, desired: DesiredSlot): number;
  /** @param reference a version (`3`) or an alias (`champion`) @throws CodedError MODEL_UNKNOWN, ALIAS_UNKNOWN */
  modelRef(name: string, reference: string): ModelRef;
  /** The published package with this manifest; undefined when this server never saw it. */
  modelRefByHash(manifestSha256: string): ModelRef | undefined;
  /** @throws CodedError MODEL_UNKNOWN */
  manifestOf(manifestSha256: string): Manifest;
}
