/** A device as the server sees it: sends batches until they are acknowledged, listens to what comes down. */
import { connect, type MqttClient } from 'mqtt';
import { onTestFinished, vi } from 'vitest';
import type { Ack, Birth, Reported } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/records.ts';
import { clientIdOf, topics } from '../../protocol/topics.ts';
import { EPOCH, reported, SOON } from './support.ts';

export class DeviceClient {
  readonly id: string;
  readonly acks: Ack[] = [];
  /** The last message of each topic that came down; an empty one takes it away. */
  readonly down = new Map<string, Buffer>();
  readonly #mqtt: MqttClient;

  constructor(id: string, url: string) {
    this.id = id;
    this.#mqtt = connect(url, {
      clientId: clientIdOf(id),
      protocolVersion: 4,
      reconnectPeriod: 50,
      queueQoSZero: false,
    });
    this.#mqtt.on('error', () => undefined);
    this.#mqtt.on('message', (topic, payload) => this.#take(topic, payload));
    this.#mqtt.on('connect', () => {
      this.#mqtt.subscribe([`andon/v1/${id}/ack/+`, topics.desired(id)], { qos: 1 });
    });
    onTestFinished(() => this.#mqtt.endAsync(true));
  }

  get connected(): boolean {
    return this.#mqtt.connected;
  }

  acked(stream: Stream): number {
    return Math.max(0, ...this.acks.filter((ack) => ack.stream === stream).map((ack) => ack.seq));
  }

  /** Fire and forget, like the wire: an acknowledgement may come. */
  send(stream: Stream, payload: Buffer): void {
    if (this.connected) this.#mqtt.publish(topics.up(this.id, stream), payload, { qos: 0 });
  }

  async born(over: Partial<Birth> = {}): Promise<void> {
    const birth: Birth = {
      v: 1,
      device: this.id,
      timeMs: Date.now(),
      agentVersion: '0.1.0',
      storeEpoch: EPOCH,
      labels: {},
      slots: ['machine-failure'],
      ...over,
    };
    await vi.waitFor(() => this.connected || Promise.reject(new Error('not connected')), SOON);
    await this.#mqtt.publishAsync(topics.birth(this.id), JSON.stringify(birth), { qos: 1, retain: true });
  }

  async report(over: Partial<Reported>): Promise<void> {
    const state = reported(this.id, { timeMs: Date.now(), ...over });
    await this.#mqtt.publishAsync(topics.reported(this.id), JSON.stringify(state), { qos: 1, retain: true });
  }

  async want(chunks: string[]): Promise<void> {
    const want = { v: 1, device: this.id, chunks };
    await this.#mqtt.publishAsync(topics.want(this.id), JSON.stringify(want), { qos: 1 });
  }

  /** For another client of the same device: a broker holds one of them at a time. */
  async end(): Promise<void> {
    await this.#mqtt.endAsync(true);
  }

  async listenTo(topic: string): Promise<void> {
    await this.#mqtt.subscribeAsync(topic, { qos: 1 });
  }

  #take(topic: string, payload: Buffer): void {
    if (topic.includes('/ack/')) this.acks.push(JSON.parse(payload.toString()) as Ack);
    else if (payload.length === 0) this.down.delete(topic);
    else this.down.set(topic, payload);
  }
}
