/** The server's one MQTT connection, to the embedded broker or to an external one. The only importer of `mqtt` here. */
import { connect, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { Counters } from '../daemon/counters.ts';
import { codeOf } from '../protocol/errors.ts';
import { serverSubscriptions } from '../protocol/topics.ts';

export interface MqttLinkDeps {
  readonly broker: {
    readonly url: string;
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    /** PEM, for a broker that wants certificates. */
    readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string } | undefined;
  };
  readonly log: Logger;
  readonly counters: Counters;
  readonly onMessage: (message: InboundMessage) => void;
  /** Called after every (re)connect, when the subscriptions stand: publish the retained state again. */
  readonly onConnect: () => void;
}

export interface InboundMessage {
  readonly topic: string;
  readonly payload: Buffer;
  /** True for what the broker kept from before this subscription: it may be old. */
  readonly retained: boolean;
}

const RECONNECT_MS = 1000;
const STOP_WITHIN_MS = 1000;

export class MqttLink {
  readonly #deps: MqttLinkDeps;
  #client: MqttClient | undefined;
  /** Of the outage under way. */
  readonly #problems = new Set<string>();
  /** Ends the wait of each publish that the broker has not answered yet. */
  readonly #unanswered = new Set<(taken: boolean) => void>();
  #stopping = false;

  constructor(deps: MqttLinkDeps) {
    this.#deps = deps;
  }

  get connected(): boolean {
    return this.#client?.connected ?? false;
  }

  /** Begins to connect and keeps trying for ever; does not wait for the first connection. */
  start(): void {
    const { url, username, password, tls } = this.#deps.broker;
    const client = connect(url, {
      // 3.1.1, because the embedded broker speaks no 5; the wire contract needs nothing newer.
      protocolVersion: 4,
      clean: true,
      resubscribe: false,
      reconnectPeriod: RECONNECT_MS,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...tls,
    });
    this.#client = client;
    client.on('connect', () => this.#onConnect(client));
    client.on('message', (topic, payload, packet) => {
      this.#deps.onMessage({ topic, payload, retained: packet.retain });
    });
    client.on('close', () => this.#lost('CLOSED', 'the connection to the broker ended'));
    client.on('error', (error) => this.#lost(codeOf(error), error.message));
  }

  /** Waits a moment for what is on its way, then ends, whether the broker answers or not. */
  async stop(): Promise<void> {
    const client = this.#client;
    if (!client) return;
    this.#stopping = true;
    // mqtt.js waits for every answer without a limit, and cannot be told otherwise once it waits.
    const deadline = setTimeout(() => client.stream.destroy(), STOP_WITHIN_MS);
    const overdue = new Promise<void>((resolve) => client.stream.once('close', () => resolve()));
    await Promise.race([client.endAsync(!client.connected), overdue]);
    clearTimeout(deadline);
    for (const settle of this.#unanswered) settle(false);
  }

  /**
   * Publishes with QoS 1. While offline nothing is queued: what matters is published again on connect, and devices
   * send again what was not acknowledged.
   * @returns true when the broker took it; never rejects
   */
  publish(topic: string, payload: Buffer | string, retain = false): Promise<boolean> {
    const { counters } = this.#deps;
    const client = this.#client;
    if (!client?.connected || this.#stopping) {
      counters.add('link.offline');
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const settle = (taken: boolean) => {
        this.#unanswered.delete(settle);
        resolve(taken);
      };
      this.#unanswered.add(settle);
      client.publish(topic, payload, { qos: 1, retain }, (error) => {
        if (error) counters.add(`link.${codeOf(error)}`);
        settle(!error);
      });
    });
  }

  #onConnect(client: MqttClient): void {
    client.subscribe([...serverSubscriptions], { qos: 1 }, (error) => {
      if (error) {
        // A cut right here: the next connect subscribes again.
        if (client.stream.destroyed) return;
        this.#lost('SUBSCRIBE_REFUSED', `the broker refused a subscription: ${error.message}`);
        // Connected, but deaf: a new connection subscribes again.
        client.stream.destroy();
        return;
      }
      this.#problems.clear();
      this.#deps.log.info({ event: 'broker-link-up' }, 'connected to the broker');
      this.#deps.onConnect();
    });
  }

  /** Told once an outage and kind of problem, not with every attempt. */
  #lost(code: string, message: string): void {
    if (this.#problems.has(code) || this.#stopping) return;
    this.#problems.add(code);
    this.#deps.counters.add(`link.${code}`);
    this.#deps.log.warn(
      { event: 'broker-link-down', code, err: message },
      'not connected to the broker; trying on',
    );
  }
}
