/** The fleet as rollouts see it: devices, published models, and what each slot shall run. */
import type { Manifest } from '../../protocol/manifest.ts';
import type { DesiredSlot, ModelRef } from '../../protocol/messages.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { FleetControl, FleetDevice } from '../rollouts/fleet-control.ts';
import type { DeviceRow } from '../store/device-table.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { DesiredStates } from './desired-states.ts';
import type { ModelCatalog } from './model-catalog.ts';

/** A device that reports every 10 s and said nothing for this long is not online, whatever the broker says. */
const SILENT_AFTER_MS = 35_000;

export class Fleet implements FleetControl {
  readonly #store: ServerStore;
  readonly #desired: DesiredStates;
  readonly #catalog: ModelCatalog;
  readonly #clock: Clock;

  constructor(deps: {
    readonly store: ServerStore;
    readonly desired: DesiredStates;
    readonly catalog: ModelCatalog;
    readonly clock: Clock;
  }) {
    this.#store = deps.store;
    this.#catalog = deps.catalog;
    this.#desired = deps.desired;
    this.#clock = deps.clock;
  }

  devices(): FleetDevice[] {
    const nowMs = this.#clock.wallMs();
    return this.#store.devices.all().map((device) => {
      const { id, labels, lastSeenMs, reported } = device;
      return { id, labels, online: isOnline(device, nowMs), lastSeenMs, reported };
    });
  }

  desiredSlot(device: string, slot: string): DesiredSlot | undefined {
    return this.#desired.slotOf(device, slot);
  }

  setSlot(device: string, slot: string, desired: DesiredSlot): number {
    return this.#desired.setSlot(device, slot, desired);
  }

  modelRef(name: string, reference: string): ModelRef {
    return this.#catalog.find(name, reference).ref;
  }

  modelRefByHash(manifestSha256: string): ModelRef | undefined {
    return this.#store.models.byHash(manifestSha256)?.ref;
  }

  manifestOf(manifestSha256: string): Manifest {
    const model = this.#store.models.byHash(manifestSha256);
    if (model) return model.manifest;
    throw serverError('MODEL_UNKNOWN', `no package ${manifestSha256.slice(0, 12)} was published here`, {
      hint: 'Publish it first: andon publish models/<name>/<version>. List what is there: andon models.',
    });
  }
}

/** "Last seen in the future" is a clock that was set back: it proves nothing, and the next report mends it. */
export function isOnline(device: Pick<DeviceRow, 'gone' | 'lastSeenMs'>, nowMs: number): boolean {
  return !device.gone && Math.abs(nowMs - device.lastSeenMs) < SILENT_AFTER_MS;
}
