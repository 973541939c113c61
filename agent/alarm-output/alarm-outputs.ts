/** All the outputs of the config: each hears of every change, none waits for another, and none holds up anything else. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import type { AlarmMessage } from '../../protocol/alarms.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import type { Clock } from '../clock.ts';
import type { AlarmsConfig } from '../config/alarms.ts';
import type { AlarmChange } from '../monitor/alarm-board.ts';
import type { AlarmCause } from '../monitor/alarm-cause.ts';
import type { StateTable } from '../store/store.ts';
import type { AlarmOutput } from './alarm-output.ts';
import { DeliveryQueue, type DeliveryQueueDeps } from './delivery-queue.ts';
import { MqttOutput } from './mqtt-output.ts';
import { WebhookOutput } from './webhook-output.ts';

type OutputConfig = AlarmsConfig['outputs'][number];

/** A restart of the other side is no news. */
const FAILING_AFTER_MS = 60_000;

export interface AlarmOutputsDeps extends Pick<DeliveryQueueDeps, 'retryMs'> {
  readonly config: AlarmsConfig;
  readonly device: string;
  /** What is raised now, by the changes that were told of it. */
  readonly raised: () => readonly AlarmChange[];
  readonly states: Pick<StateTable, 'get' | 'set'>;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

export class AlarmOutputs {
  readonly #deps: AlarmOutputsDeps;
  readonly #queues: { readonly target: string; readonly queue: DeliveryQueue }[];

  constructor(deps: AlarmOutputsDeps) {
    this.#deps = deps;
    this.#queues = deps.config.outputs.map((config) => {
      const output = this.#outputOf(config);
      const key = `alarms/output/${sha256Hex(JSON.stringify(whereTo(config))).slice(0, 16)}`;
      return { target: output.target, queue: new DeliveryQueue({ ...deps, output, key }) };
    });
  }

  start(): void {
    for (const { queue } of this.#queues) queue.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#queues.map(({ queue }) => queue.stop()));
  }

  take(change: AlarmChange): void {
    for (const { queue } of this.#queues) queue.push(this.#message(change));
  }

  /** Alarms that get nowhere are an alarm themselves: for the page and the server. */
  causes(): AlarmCause[] {
    const nowMs = this.#deps.clock.monotonicUs() / 1000;
    const failing = this.#queues.filter(
      ({ queue }) => nowMs - (queue.failingSinceMs ?? nowMs) > FAILING_AFTER_MS,
    );
    if (failing.length === 0) return [];
    const waiting = failing.reduce((sum, { queue }) => sum + queue.waiting, 0);
    return [
      {
        code: 'alarm-output-failing',
        slot: null,
        severity: 'warning',
        text: `Alarms do not reach ${failing.map(({ target }) => target).join(', ')}; ${waiting} wait.`.slice(
          0,
          512,
        ),
        next: 'Check that it is on and in reach, and alarms.outputs in device.config.json.',
      },
    ];
  }

  #outputOf(config: OutputConfig): AlarmOutput {
    const { device, raised, clock } = this.#deps;
    if (config.kind === 'webhook') return new WebhookOutput(config, clock);
    return new MqttOutput({
      config,
      device,
      raised: () => raised().map((change) => this.#message(change)),
    });
  }

  #message({ id, state, alarm, timeMs }: AlarmChange): AlarmMessage {
    const { id: alarmId, ...about } = alarm;
    return { v: 1, id, alarm: alarmId, device: this.#deps.device, state, ...about, timeMs };
  }
}

/** What waits for an output is found again after a restart while this stays the same. */
function whereTo(config: OutputConfig): readonly string[] {
  return config.kind === 'mqtt' ? [config.kind, config.broker, config.topic] : [config.kind, config.url];
}
