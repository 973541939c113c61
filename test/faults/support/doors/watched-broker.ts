/** A broker that knows which topics each client has asked for, so that no new one is forgotten. */
import type { Aedes } from 'aedes';
import { onTestFinished } from 'vitest';
import { openAedes } from '../../../support/brokers.ts';

export class WatchedBroker {
  readonly url: string;
  readonly #aedes: Aedes;
  /** Client id -> filters. */
  readonly #filters = new Map<string, Set<string>>();

  private constructor(url: string, aedes: Aedes) {
    this.url = url;
    this.#aedes = aedes;
    aedes.on('subscribe', (subscriptions, client) => {
      const filters = this.#filters.get(client.id) ?? new Set();
      for (const { topic } of subscriptions) filters.add(topic);
      this.#filters.set(client.id, filters);
    });
  }

  /** Stopped when the test ends. */
  static async start(): Promise<WatchedBroker> {
    const { aedes, port, stop } = await openAedes();
    onTestFinished(stop);
    return new WatchedBroker(`mqtt://127.0.0.1:${port}`, aedes);
  }

  /** Filters that clients have subscribed to. @param of by their id */
  subscribed(of: (clientId: string) => boolean): string[] {
    return [...new Set([...this.#filters].filter(([id]) => of(id)).flatMap(([, filters]) => [...filters]))];
  }

  /** In nobody's name: this broker checks no rights. */
  publish(topic: string, payload: Buffer): Promise<void> {
    const packet = { cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false } as const;
    return new Promise((resolve, reject) => {
      this.#aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
    });
  }
}
