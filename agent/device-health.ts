/** Composes what watches the device itself: the machine, the alarms and their ways out, and the word to the service manager. */
import type { Logger } from 'pino';
import type { Counters } from '../daemon/counters.ts';
import { ServiceManager } from '../daemon/service-manager.ts';
import { codeOf } from '../protocol/errors.ts';
import { STREAMS } from '../protocol/records.ts';
import { AlarmOutputs } from './alarm-output/alarm-outputs.ts';
import type { Clock } from './clock.ts';
import type { DeviceConfig } from './config/schema.ts';
import type { Engine } from './inference/engine.ts';
import type { ModelManager } from './models/model-manager.ts';
import { AlarmBoard, type AlarmChange } from './monitor/alarm-board.ts';
import { AlarmCauses, type AlarmCausesDeps } from './monitor/alarm-causes.ts';
import { machineAsker } from './monitor/machine-facts.ts';
import { MachineMonitor } from './monitor/machine-monitor.ts';
import type { ProgressWatch } from './monitor/progress-watch.ts';
import type { ServingFacts } from './monitor/serving-alarms.ts';
import type { SlotFacts } from './monitor/silence.ts';
import { ServiceReport, serviceStatus } from './service-report.ts';
import type { NewEvent } from './store/records.ts';
import type { Store } from './store/store.ts';
import type { Sync } from './sync/sync.ts';
import type { DeviceTrust } from './trust/device-trust.ts';

export interface DeviceHealthParts {
  readonly config: DeviceConfig;
  readonly store: Store;
  readonly engine: Pick<Engine, 'status'>;
  readonly models: ModelManager;
  readonly trust: DeviceTrust;
  readonly sync: Sync;
  readonly slots: () => readonly SlotFacts[];
  /** Samples of a slot that wait. */
  readonly queued: (slot: string) => number;
  readonly progress: ProgressWatch;
  readonly tell: (event: NewEvent) => void;
  readonly onChange: (change: AlarmChange) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

export class DeviceHealth {
  readonly machine: MachineMonitor;
  readonly alarms: AlarmBoard;
  readonly #outputs: AlarmOutputs;
  readonly #service: ServiceReport;

  constructor(parts: DeviceHealthParts) {
    const { config, store, sync, trust, clock, counters } = parts;
    const onError = (error: unknown) => counters.add(codeOf(error));
    const { states } = store;
    this.machine = new MachineMonitor({ ask: machineAsker(config.dataDir), onError, clock });
    const causes = new AlarmCauses({
      slots: parts.slots,
      link: () => linkFacts(parts),
      serving: () => servingFacts(parts),
      machine: () => this.machine.causes(),
      serverMs: () => sync.serverMs(),
      floorMs: () => trust.floorMs,
      certificateEndsAtMs: () => sync.certificateEndsAtMs(),
      outputs: () => this.#outputs.causes(),
      clock,
    });
    this.alarms = new AlarmBoard({
      causes: () => causes.now(),
      states,
      tell: parts.tell,
      recording: () => store.failing() === null,
      onError,
      clock,
    });
    this.#outputs = new AlarmOutputs({
      ...parts,
      config: config.alarms,
      device: config.device.id,
      raised: () => this.alarms.raisedBy(),
      states,
    });
    this.alarms.onChange((change) => {
      this.#outputs.take(change);
      parts.onChange(change);
    });
    this.#service = serviceReport(parts, this.alarms);
  }

  start(): void {
    this.machine.start();
    this.#outputs.start();
    this.alarms.start();
    this.#service.start();
  }

  async stop(): Promise<void> {
    this.#service.stop();
    this.alarms.stop();
    await this.#outputs.stop();
    this.machine.stop();
  }
}

function linkFacts({ config, store, sync }: DeviceHealthParts): ReturnType<AlarmCausesDeps['link']> {
  if (config.sync === null) return null;
  const { connected, backlog, onTheWay, heldBack, paced } = sync.status();
  const pace = paced === null ? null : { words: paced, waiting: backlog.predictions };
  // What waits for company or for tomorrow's byte budget is no sign of trouble.
  if (!onTheWay || heldBack !== null) return { connected, acked: 0, waiting: 0, pace };
  const waiting = STREAMS.reduce((sum, stream) => sum + backlog[stream], 0);
  const acked = STREAMS.reduce((sum, stream) => sum + store.streams.acked(stream), 0);
  return { connected, acked, waiting, pace };
}

function servingFacts({ config, store, engine, models }: DeviceHealthParts): ServingFacts {
  const reported = models.reported();
  const bare = Object.keys(config.slots).filter((slot) => !models.of(slot));
  return {
    engineAlive: engine.status().alive,
    bareSlots: bare.map((slot) => ({ slot, reason: reported[slot]?.install?.reason ?? null })),
    failing: store.failing(),
    goneRecords: store.goneRecords,
  };
}

function serviceReport(
  { config, models, queued, progress, clock, log, counters }: DeviceHealthParts,
  alarms: AlarmBoard,
): ServiceReport {
  const slots = Object.keys(config.slots);
  return new ServiceReport({
    manager: new ServiceManager({
      env: process.env,
      onError: (error) => {
        counters.add('SERVICE_MANAGER_UNTOLD');
        log.warn({ event: 'service-manager-untold', err: error }, error.message);
      },
    }),
    serving: () => slots.length === 0 || slots.some((slot) => models.of(slot)),
    progress: () => progress.made(slots.some((slot) => models.of(slot) && queued(slot) > 0)),
    status: () => serviceStatus(slots, models, alarms.raised()),
    clock,
  });
}
