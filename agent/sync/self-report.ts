/** What a device says of itself: who it is, once a connection, and what it runs and what is wrong, whenever that changes. */
import type { Alarm } from '../../protocol/alarms.ts';
import type { Birth, Reported, ReportedSlot } from '../../protocol/messages.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { DeviceConfig } from '../config/schema.ts';
import type { Store } from '../store/store.ts';
import type { DeviceTrust } from '../trust/device-trust.ts';

export interface SelfReportDeps {
  readonly config: Pick<DeviceConfig, 'device' | 'slots'>;
  readonly agentVersion: string;
  readonly store: Pick<Store, 'epoch' | 'inherits' | 'streams'>;
  readonly trust: Pick<DeviceTrust, 'reported'>;
  /** Where the operators' page is, once it is up. */
  readonly statusUrl: () => string | undefined;
  /** What runs, a slot. */
  readonly reported: () => Record<string, ReportedSlot>;
  /** What is wrong with the device, the worst first. */
  readonly alarms: () => Alarm[];
  readonly clock: Pick<Clock, 'wallMs'>;
}

export class SelfReport {
  readonly #deps: SelfReportDeps;

  constructor(deps: SelfReportDeps) {
    this.#deps = deps;
  }

  birth(): Birth {
    const { config, agentVersion, store, clock, statusUrl } = this.#deps;
    const url = statusUrl();
    return {
      v: 1,
      device: config.device.id,
      timeMs: clock.wallMs(),
      agentVersion,
      storeEpoch: store.epoch,
      ...(store.inherits.length > 0 ? { inherits: store.inherits } : {}),
      labels: { ...config.device.labels },
      ...(url === undefined ? {} : { statusUrl: url }),
      slots: Object.keys(config.slots),
    };
  }

  /** @param generation of the desired state that it goes by */
  state(generation: number): Reported {
    const { config, clock, reported, trust, alarms } = this.#deps;
    return {
      v: 1,
      device: config.device.id,
      timeMs: clock.wallMs(),
      generation,
      slots: reported(),
      trust: trust.reported(),
      backlog: this.backlog(),
      alarms: alarms(),
    };
  }

  /** Records not yet acknowledged, a stream. */
  backlog(): Record<Stream, number> {
    const { streams } = this.#deps.store;
    const entries = STREAMS.map((stream) => [stream, streams.waiting(stream)]);
    return Object.fromEntries(entries) as Record<Stream, number>;
  }
}
