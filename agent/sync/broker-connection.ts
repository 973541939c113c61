/** One connection to the broker, from its first byte to its last: what it carries, how large a packet may be, and when it is of no use any more. */
import { Socket } from 'node:net';
import { LIMITS } from '../../protocol/limits.ts';
import type { Clock } from '../clock.ts';
import type { MqttClient } from '../mqtt-client.ts';
import { messageTooLarge } from './link-errors.ts';

/** More bytes than this without a whole MQTT packet in them: a broker that sends something far over our limit. */
const MAX_PACKET_BYTES = 4 * LIMITS.messageBytes;
/** A broker that answers pings but leaves a publish without PUBACK for this long is of no use. */
const PUBACK_WITHIN_MS = 60_000;

export interface BrokerConnectionDeps {
  readonly clock: Pick<Clock, 'monotonicUs'>;
  readonly onConnect: () => void;
  readonly onMessage: (topic: string, payload: Buffer) => void;
  readonly onBytes: (count: number) => void;
  /** It is to be dropped. May be called again, also after that. */
  readonly onBroken: (cause: unknown) => void;
}

export class BrokerConnection {
  readonly #client: MqttClient;
  readonly #deps: BrokerConnectionDeps;
  /** Monotonic start of each publish that has no PUBACK yet, oldest first. */
  readonly #unanswered = new Map<symbol, number>();

  /** @param client a new one: nothing of a broken connection (ids, stores, queues) may live on */
  constructor(client: MqttClient, deps: BrokerConnectionDeps) {
    this.#client = client;
    this.#deps = deps;
    // Small requests and their answers go to and fro: they must not wait for each other's acknowledgements.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
    this.#guardSize();
    client.on('connect', deps.onConnect);
    client.on('message', deps.onMessage);
    client.on('error', deps.onBroken);
    client.on('close', () => deps.onBroken(new Error('connection closed')));
  }

  /** The broker has let us in, and the line holds. */
  get isOpen(): boolean {
    return this.#client.connected;
  }

  /** QoS 1; resolves with the PUBACK, rejects with mqtt.js's own error. */
  publish(topic: string, payload: Buffer | string, retain: boolean): Promise<void> {
    const id = Symbol(topic);
    this.#unanswered.set(id, this.#deps.clock.monotonicUs());
    return new Promise((resolve, reject) => {
      this.#client.publish(topic, payload, { qos: 1, retain }, (error) => {
        this.#unanswered.delete(id);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** QoS 1; rejects when the broker grants less, or when the line breaks first. */
  async subscribe(filters: string[]): Promise<void> {
    await this.#client.subscribeAsync(filters, { qos: 1 });
  }

  unsubscribe(topic: string): void {
    if (this.isOpen) this.#client.unsubscribe(topic, () => undefined);
  }

  breakWhenStalled(): void {
    const oldest = this.#unanswered.values().next().value;
    if (oldest === undefined) return;
    if (this.#deps.clock.monotonicUs() - oldest > PUBACK_WITHIN_MS * 1000) {
      this.#deps.onBroken(new Error(`no PUBACK within ${PUBACK_WITHIN_MS} ms`));
    }
  }

  /** Says good-bye as MQTT has it; resolves when that is on its way. */
  async close(): Promise<void> {
    await this.#client.endAsync();
  }

  /** Lets go at once; every publish on the way is rejected. */
  drop(): void {
    this.#client.removeAllListeners('message');
    this.#client.end(true);
    this.#client.stream.destroy();
    this.#unanswered.clear();
  }

  /** mqtt.js reads packets of up to 256 MB into memory; this does not wait for their end. */
  #guardSize(): void {
    let sincePacket = 0;
    this.#client.on('packetreceive', () => {
      sincePacket = 0;
    });
    this.#client.stream.on('data', (chunk: Buffer) => {
      this.#deps.onBytes(chunk.length);
      sincePacket += chunk.length;
      if (sincePacket > MAX_PACKET_BYTES) this.#deps.onBroken(messageTooLarge(sincePacket));
    });
  }
}
