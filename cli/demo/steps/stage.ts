/** What every step of the story plays on. */
import type { AdminApi } from '../../admin-api.ts';
import type { DeviceApi } from '../device-api.ts';
import type { Narrator } from '../narrator.ts';

export interface Stage {
  readonly api: AdminApi;
  readonly devices: readonly DeviceApi[];
  readonly tell: Narrator;
  /** Aborted when a part died or a person ends the demo; the reason says which. */
  readonly signal: AbortSignal;
  /** Shipped model packages, absolute. */
  readonly models: string;
  /** Folder of the parts' logs, absolute. */
  readonly logs: string;
}

/** The device that a step is about. */
export function deviceAt(stage: Stage, index: number): DeviceApi {
  const device = stage.devices[index];
  if (!device) throw new RangeError(`the demo has no device ${index}`);
  return device;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}
