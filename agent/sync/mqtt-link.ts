/** The device's one MQTT connection: comes back for ever, keeps nothing for later, and never lets an error reach the event loop. */
import { Socket } from 'node:net';
import type { Logger } from 'pino';
import { LIMITS } from '../../protocol/limits.ts';
import type { Birth } from '../../protocol/messages.ts';
import { clientIdOf, topics } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { agentError } from '../errors.ts';
import { loadMqtt, type MqttClient, type MqttConnect } from '../mqtt-client.ts';
import { backOffMs } from './back-off.ts';
import type { DeviceIdentity } from './device-identity.ts';
import { connectError, credentials, lostError, messageTooLarge, type SyncConfig } from './link-errors.ts';
import { type MessageHandler, MessageRoutes } from './message-routes.ts';
import { Refusals } from './refusals.ts';

const MAX_RETRY_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const STOP_WITHIN_MS = 1000;
/** More bytes than this without a whole MQTT packet in them: a broker that sends something far over our limit. */
const MAX_PACKET_BYTES = 4 * LIMITS.messageBytes;
/** A broker that answers pings but leaves a publish without PUBACK for this long is of no use. */
const PUBACK_WITHIN_MS = 60_000;

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

/**
 * A new mqtt.js client for each connection, so that nothing of a broken one (ids, stores, queues) lives on.
 * What was not acknowledged by the broker when the line broke is the sender's to send again.
 */
export class MqttLink {
  readonly #deps: MqttLinkDeps;
  readonly #refusals: Refusals;
  readonly #routes: MessageRoutes;
  readonly #listeners = new Set<(connected: boolean) => void>();
  /** Monotonic start of each publish that has no PUBACK yet, oldest first. */
  readonly #unanswered = new Map<symbol, number>();
  #connect: MqttConnect | undefined;
  #client: MqttClient | undefined;
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
    this.#stallTimer = setInterval(() => this.#dropWhenStalled(), 5000);
    this.#stallTimer.unref();
    this.#open();
  }

  /** Says good-bye (a retained `gone`) where the line allows it; takes about a second at most. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#retryTimer);
    clearInterval(this.#stallTimer);
    const client = this.#client;
    if (client && this.#online) {
      await within(
        STOP_WITHIN_MS,
        this.publish(topics.gone(this.#deps.device), this.#gone(), { retain: true }),
      );
      await within(STOP_WITHIN_MS, client.endAsync());
    }
    if (client) this.#drop(client);
  }

  /** Drops the TCP connection and stays away until released. For tests and the demo. */
  cut(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    clearTimeout(this.#retryTimer);
    if (held && this.#client) this.#drop(this.#client);
    if (!held && this.#running) {
      this.#attempt = 0;
      this.#open();
    }
  }

  /**
   * QoS 1. Resolves when the broker has the message (which proves nothing about the server).
   * @throws CodedError LINK_CUT when offline, or when the connection breaks first: send again after reconnect
   */
  publish(topic: string, payload: Buffer | string, options: { retain?: boolean } = {}): Promise<void> {
    const client = this.#client;
    if (!client || !this.#online) return Promise.reject(agentError('LINK_CUT', `offline, ${topic} not sent`));
    const id = Symbol(topic);
    this.#unanswered.set(id, this.#deps.clock.monotonicUs());
    return new Promise((resolve, reject) => {
      client.publish(topic, payload, { qos: 1, retain: options.retain ?? false }, (error) => {
        this.#unanswered.delete(id);
        if (error)
          reject(agentError('LINK_CUT', `${topic} was on the way when the link broke`, { cause: error }));
        else resolve();
      });
    });
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
    if (this.#client?.connected) void this.#request(this.#client, [topic]);
    return () => {
      const last = this.#routes.remove(topic, handler);
      if (last && this.#client?.connected) this.#client.unsubscribe(topic, () => undefined);
    };
  }

  #open(): void {
    if (!this.#connect || !this.#running || this.#held || this.#client) return;
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
    this.#client = client;
    // Small requests and their answers go to and fro: they must not wait for each other's acknowledgements.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
    this.#guardSize(client);
    client.on('connect', () => void this.#welcome(client));
    client.on('message', (topic, payload) => this.#routes.dispatch(topic, payload));
    client.on('error', (error) => this.#fail(client, error));
    client.on('close', () => this.#fail(client, new Error('connection closed')));
  }

  async #welcome(client: MqttClient): Promise<void> {
    const { device, birth, clock, log, config } = this.#deps;
    const retained = { qos: 1, retain: true } as const;
    const mute = () => this.#fail(client, new Error('the broker lets us in but does not answer'));
    const timer = setTimeout(mute, CONNECT_TIMEOUT_MS);
    try {
      await this.#request(client, this.#routes.filters);
      // An empty retained message takes back the `gone` of an earlier life.
      await client.publishAsync(topics.gone(device), '', retained);
      await client.publishAsync(topics.birth(device), JSON.stringify(birth()), retained);
    } catch (error) {
      this.#fail(client, error);
    } finally {
      clearTimeout(timer);
    }
    if (this.#client !== client) return;
    this.#online = true;
    this.#sinceMs = clock.wallMs();
    this.#onlineAtUs = clock.monotonicUs();
    log.info({ event: 'link-up', broker: config.broker }, 'connected to the broker');
    this.#tell(true);
  }

  async #request(client: MqttClient, filters: string[]): Promise<void> {
    if (filters.length === 0) return;
    try {
      await client.subscribeAsync(filters, { qos: 1 });
    } catch (cause) {
      if (this.#client !== client || !client.connected) return;
      const hint = "Check the broker's access rules for this device.";
      const error = agentError('BROKER_REFUSED', `the broker refused a subscription`, { hint, cause });
      this.#refusals.refuse(error, `subscription to ${filters.join(', ')}`);
    }
  }

  /** mqtt.js reads packets of up to 256 MB into memory; this does not wait for their end. */
  #guardSize(client: MqttClient): void {
    let sincePacket = 0;
    client.on('packetreceive', () => {
      sincePacket = 0;
    });
    client.stream.on('data', (chunk: Buffer) => {
      this.#bytesReceived += chunk.length;
      sincePacket += chunk.length;
      if (sincePacket > MAX_PACKET_BYTES) this.#fail(client, messageTooLarge(sincePacket));
    });
  }

  #dropWhenStalled(): void {
    const oldest = this.#unanswered.values().next().value;
    if (oldest === undefined || !this.#client) return;
    if (this.#deps.clock.monotonicUs() - oldest > PUBACK_WITHIN_MS * 1000) {
      this.#fail(this.#client, new Error(`no PUBACK within ${PUBACK_WITHIN_MS} ms`));
    }
  }

  #fail(client: MqttClient, cause: unknown): void {
    if (this.#client !== client) return;
    if (!this.#running) {
      this.#drop(client);
      return;
    }
    if (this.#online) this.#refusals.refuse(lostError(cause), 'link');
    else this.#refusals.refuse(connectError(this.#deps.config, cause), 'connect');
    this.#drop(client);
    this.#retryLater();
  }

  /** Forgets this connection; every publish on the way is rejected. */
  #drop(client: MqttClient): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    const wasOnline = this.#online;
    this.#online = false;
    client.removeAllListeners('message');
    client.end(true);
    client.stream.destroy();
    this.#unanswered.clear();
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
