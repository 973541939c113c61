/**
 * Alarms as retained MQTT messages on a broker of the line. A connection of its own, not that to the server: it has its own
 * will, so that a signal tower knows when nobody speaks for it any more, and it works where the server is not in reach.
 */
import type { Alarm, AlarmMessage, AlarmSummary } from '../../protocol/alarms.ts';
import { worstSeverity } from '../../protocol/alarms.ts';
import type { MqttOutputConfig } from '../config/alarms.ts';
import { agentError } from '../errors.ts';
import { loadMqtt, type MqttClient, type MqttConnect } from '../mqtt-client.ts';
import { backOffMs } from '../sync/back-off.ts';
import { type AlarmOutput, type OutputWatcher, readSecret, withDeadline } from './alarm-output.ts';
import { readTlsFiles } from './tls-files.ts';

const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const PUBACK_WITHIN_MS = 10_000;
const STOP_WITHIN_MS = 1000;
const RETAINED = { qos: 1, retain: true } as const;

export interface MqttOutputDeps {
  readonly config: MqttOutputConfig;
  readonly device: string;
  /** What is raised now, as messages that say so. */
  readonly raised: () => readonly AlarmMessage[];
}

export class MqttOutput implements AlarmOutput {
  readonly target: string;
  readonly #deps: MqttOutputDeps;
  #connect: MqttConnect | undefined;
  #client: MqttClient | undefined;
  #watcher: OutputWatcher | undefined;
  #running = false;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(deps: MqttOutputDeps) {
    this.#deps = deps;
    this.target = `${deps.config.broker} ${deps.config.topic}`;
  }

  start(watcher: OutputWatcher): void {
    this.#running = true;
    this.#watcher = watcher;
    loadMqtt().then((connect) => {
      this.#connect = connect;
      this.#open();
    }, watcher.down);
  }

  /** The tower goes to `unknown`: whoever stops the agent knows why, and nobody else speaks for this device. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#retry);
    const client = this.#client;
    if (!client) return;
    const signal = AbortSignal.timeout(STOP_WITHIN_MS);
    if (client.connected) {
      await publish(client, this.#stateTopic, this.#unknown(), signal).catch(() => undefined);
    }
    this.#drop(client);
  }

  async deliver(message: AlarmMessage, signal: AbortSignal): Promise<void> {
    const client = this.#client;
    if (!client?.connected) {
      throw agentError('ALARM_UNDELIVERED', `${this.#deps.config.broker} is out of reach`);
    }
    await withDeadline(PUBACK_WITHIN_MS, signal, async (within) => {
      await publish(client, this.#topicOf(message), message, within);
      await publish(client, this.#stateTopic, this.#summary(), within);
    });
  }

  #open(): void {
    if (!this.#running || !this.#connect) return;
    const { config } = this.#deps;
    let client: MqttClient;
    try {
      client = this.#connect(config.broker, {
        protocolVersion: 4,
        clientId: `andon-alarms-${this.#deps.device}`,
        clean: true,
        keepalive: config.keepaliveS,
        connectTimeout: CONNECT_TIMEOUT_MS,
        reconnectPeriod: 0,
        queueQoSZero: false,
        will: { topic: this.#stateTopic, payload: JSON.stringify(this.#unknown()), ...RETAINED },
        ...(config.username === undefined ? {} : { username: config.username }),
        ...(config.passwordFile ? { password: readSecret(config.passwordFile, 'passwordFile') } : {}),
        ...readTlsFiles(config),
      });
    } catch (error) {
      this.#watcher?.down(error);
      this.#openLater();
      return;
    }
    this.#client = client;
    let cause: unknown;
    client.on('connect', () => void this.#welcome(client));
    client.on('error', (error) => {
      cause = error;
    });
    client.on('close', () => {
      if (this.#client !== client) return;
      const message = `there is no connection to ${config.broker}`;
      this.#watcher?.down(agentError('ALARM_UNDELIVERED', message, { cause }));
      this.#drop(client);
      this.#openLater();
    });
  }

  /** A broker without memory forgot what was retained: it hears all that is raised again, under the same ids. */
  async #welcome(client: MqttClient): Promise<void> {
    const signal = AbortSignal.timeout(PUBACK_WITHIN_MS);
    try {
      for (const message of this.#deps.raised()) {
        await publish(client, this.#topicOf(message), message, signal);
      }
      await publish(client, this.#stateTopic, this.#summary(), signal);
    } catch {
      // Its end is told by `close`.
      client.end(true);
      return;
    }
    this.#attempt = 0;
    this.#watcher?.up();
  }

  #drop(client: MqttClient): void {
    this.#client = undefined;
    client.end(true);
    client.stream.destroy();
  }

  #openLater(): void {
    if (!this.#running) return;
    const waitMs = backOffMs(this.#attempt, FIRST_RETRY_MS, MAX_RETRY_MS);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#open(), waitMs);
  }

  #topicOf({ code, slot }: Pick<Alarm, 'code' | 'slot'>): string {
    const { topic } = this.#deps.config;
    return slot === null ? `${topic}/${code}` : `${topic}/${code}/${slot}`;
  }

  get #stateTopic(): string {
    return `${this.#deps.config.topic}/state`;
  }

  #summary(): AlarmSummary {
    const raised = this.#deps.raised();
    const state = worstSeverity(raised) ?? 'ok';
    return { v: 1, device: this.#deps.device, state, raised: raised.length };
  }

  #unknown(): AlarmSummary {
    return { v: 1, device: this.#deps.device, state: 'unknown', raised: 0 };
  }
}

/** Resolves at the broker's PUBACK. @throws CodedError ALARM_UNDELIVERED */
function publish(client: MqttClient, topic: string, message: object, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown) =>
      reject(agentError('ALARM_UNDELIVERED', `${topic} got no acknowledgement`, { cause }));
    const aborted = () => fail(signal.reason);
    // Already over: its event has been.
    if (signal.aborted) {
      aborted();
      return;
    }
    signal.addEventListener('abort', aborted, { once: true });
    client.publish(topic, JSON.stringify(message), RETAINED, (error) => {
      signal.removeEventListener('abort', aborted);
      if (error) fail(error);
      else resolve();
    });
  });
}
