/** The device's one MQTT connection: comes back for ever, keeps nothing for later, and never lets an error reach the event loop. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import type { Birth } from '../../protocol/messages.ts';
import { clientIdOf, topics } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import { agentError } from '../errors.ts';
import { loadMqtt, type MqttClient, type MqttConnect } from '../mqtt-client.ts';
import { backOffMs } from './back-off.ts';
import { BrokerConnection } from './broker-connection.ts';
import type { DeviceIdentity } from './device-identity.ts';
import { connectError, credentials, lostError, type SyncConfig } from './link-errors.ts';
import { type MessageHandler, MessageRoutes } from './message-routes.ts';
import { Refusals } from './refusals.ts';

const MAX_RETRY_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const STOP_WITHIN_MS = 1000;

export interface MqttLinkDeps {
  readonly config: SyncConfig;
  readonly device: string;
  /** For a broker that wants certificates. */
  readonly identity?: Pick<DeviceIdentity, 'tls'> | undefined;
  /** Asked at each connect. */
  readonly birth: () => Birth;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

/** What was not acknowledged by the broker when the line broke is the sender's to send again. */
export class MqttLink {
  readonly #deps: MqttLinkDeps;
  readonly #refusals: Refusals;
  readonly #routes: MessageRoutes;
  readonly #listeners = new Set<(connected: boolean) => void>();
  #connect: MqttConnect | undefined;
  #connection: BrokerConnection | undefined;
  #online = false;
  #sinceMs: number;
  #running = false;
  #held = false;
  #attempt = 0;
  #onlineAtUs = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #bytesReceived = 0;

  constructor(deps: MqttLinkDeps) {
    this.#deps = deps;
    this.#refusals = new Refusals(deps);
    this.#routes = new MessageRoutes(this.#refusals);
    this.#sinceMs = deps.clock.wallMs();
  }

  /** True from the moment subscriptions and birth are acknowledged until the connection breaks. */
  get connected(): boolean {
    return this.#online;
  }

  /** Wall clock ms of the last change of `connected`. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Raw bytes that came in since start, over all connections. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Called on each change of `connected`. */
  onChange(listener: (connected: boolean) => void): void {
    this.#listeners.add(listener);
  }

  /** Loads its library: a device with no server needs none, and no first prediction waits for it. */
  async start(): Promise<void> {
    this.#running = true;
    this.#connect = await loadMqtt();
    if (!this.#running) return;
    this.#stallTimer = setInterval(() => this.#connection?.breakWhenStalled(), 5000);
    this.#stallTimer.unref();
    this.#open();
  }

  /** Says good-bye (a retained `gone`) where the line allows it; takes about a second at most. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#retryTimer);
    clearInterval(this.#stallTimer);
    const connection = this.#connection;
    if (connection && this.#online) {
      await within(
        STOP_WITHIN_MS,
        this.publish(topics.gone(this.#deps.device), this.#gone(), { retain: true }),
      );
      await within(STOP_WITHIN_MS, connection.close());
    }
    if (connection) this.#drop(connection);
  }

  /** Drops the TCP connection and stays away until released. For tests and the demo. */
  cut(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    clearTimeout(this.#retryTimer);
    if (held && this.#connection) this.#drop(this.#connection);
    if (!held && this.#running) {
      this.#attempt = 0;
      this.#open();
    }
  }

  /**
   * QoS 1. Resolves when the broker has the message (which proves nothing about the server).
   * @throws CodedError LINK_CUT when offline, or when the connection breaks first: send again after reconnect
   */
  async publish(topic: string, payload: Buffer | string, options: { retain?: boolean } = {}): Promise<void> {
    const connection = this.#connection;
    if (!connection || !this.#online) throw agentError('LINK_CUT', `offline, ${topic} not sent`);
    try {
      await connection.publish(topic, payload, options.retain ?? false);
    } catch (cause) {
      throw agentError('LINK_CUT', `${topic} was on the way when the link broke`, { cause });
    }
  }

  /** Who this device is, once more. @throws CodedError as `publish` */
  sayBirth(): Promise<void> {
    const { device, birth } = this.#deps;
    return this.publish(topics.birth(device), JSON.stringify(birth()), { retain: true });
  }

  /**
   * Routes messages of one exact topic to `handler` until the returned function is called. An error thrown by the handler
   * refuses the message: it is counted under its code. Asks the broker again for what it retains, also where the topic
   * is subscribed already.
   */
  subscribe(topic: string, handler: MessageHandler): () => void {
    this.#routes.add(topic, handler);
    if (this.#connection?.isOpen) void this.#request(this.#connection, [topic]);
    return () => {
      const last = this.#routes.remove(topic, handler);
      if (last) this.#connection?.unsubscribe(topic);
    };
  }

  #open(): void {
    if (!this.#connect || !this.#running || this.#held || this.#connection) return;
    const { config, device } = this.#deps;
    let client: MqttClient;
    try {
      client = this.#connect(config.broker, {
        protocolVersion: 4,
        clientId: clientIdOf(device),
        clean: true,
        keepalive: config.keepaliveS,
        connectTimeout: CONNECT_TIMEOUT_MS,
        reconnectPeriod: 0,
        resubscribe: false,
        queueQoSZero: false,
        will: { topic: topics.gone(device), payload: this.#gone(), qos: 1, retain: true },
        ...credentials(config),
        ...this.#deps.identity?.tls(),
      });
    } catch (error) {
      this.#refusals.refuse(error, 'the broker’s address or credentials');
      this.#retryLater();
      return;
    }
    const connection = new BrokerConnection(client, {
      clock: this.#deps.clock,
      onConnect: () => void this.#welcome(connection),
      onMessage: (topic, payload) => this.#routes.dispatch(topic, payload),
      onBytes: (count) => {
        this.#bytesReceived += count;
      },
      onBroken: (cause) => this.#fail(connection, cause),
    });
    this.#connection = connection;
  }

  async #welcome(connection: BrokerConnection): Promise<void> {
    const { device, birth, clock, log, config } = this.#deps;
    const mute = () => this.#fail(connection, new Error('the broker lets us in but does not answer'));
    const timer = setTimeout(mute, CONNECT_TIMEOUT_MS);
    try {
      await this.#request(connection, this.#routes.filters);
      // An empty retained message takes back the `gone` of an earlier life.
      await connection.publish(topics.gone(device), '', true);
      await connection.publish(topics.birth(device), JSON.stringify(birth()), true);
    } catch (error) {
      this.#fail(connection, error);
    } finally {
      clearTimeout(timer);
    }
    if (this.#connection !== connection) return;
    this.#online = true;
    this.#sinceMs = clock.wallMs();
    this.#onlineAtUs = clock.monotonicUs();
    log.info({ event: 'link-up', broker: config.broker }, 'connected to the broker');
    this.#tell(true);
  }

  async #request(connection: BrokerConnection, filters: string[]): Promise<void> {
    if (filters.length === 0) return;
    try {
      await connection.subscribe(filters);
    } catch (cause) {
      if (this.#connection !== connection || !connection.isOpen) return;
      const hint = "Check the broker's access rules for this device.";
      const error = agentError('BROKER_REFUSED', `the broker refused a subscription`, { hint, cause });
      this.#refusals.refuse(error, `subscription to ${filters.join(', ')}`);
    }
  }

  #fail(connection: BrokerConnection, cause: unknown): void {
    if (this.#connection !== connection) return;
    if (!this.#running) {
      this.#drop(connection);
      return;
    }
    if (this.#online) this.#refusals.refuse(lostError(cause), 'link');
    else this.#refusals.refuse(connectError(this.#deps.config, cause), 'connect');
    this.#drop(connection);
    this.#retryLater();
  }

  /** Forgets this connection; every publish on the way is rejected. */
  #drop(connection: BrokerConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    const wasOnline = this.#online;
    this.#online = false;
    connection.drop();
    if (!wasOnline) return;
    const { clock, config, log } = this.#deps;
    // A connection that held for a while earns a quick return; one that breaks at once does not.
    if (clock.monotonicUs() - this.#onlineAtUs > 2000 * config.retryMs) this.#attempt = 0;
    this.#sinceMs = clock.wallMs();
    log.info({ event: 'link-down' }, 'disconnected from the broker');
    this.#tell(false);
  }

  #retryLater(): void {
    if (!this.#running || this.#held) return;
    clearTimeout(this.#retryTimer);
    const waitMs = backOffMs(this.#attempt, this.#deps.config.retryMs, MAX_RETRY_MS);
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.#open(), waitMs);
  }

  #tell(connected: boolean): void {
    for (const listener of this.#listeners) {
      try {
        listener(connected);
      } catch (error) {
        this.#refusals.refuse(error, 'a change of the link');
      }
    }
  }

  #gone(): string {
    return JSON.stringify({ v: 1, device: this.#deps.device });
  }
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
