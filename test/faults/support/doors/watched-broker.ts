/** A broker that knows which topics each client has asked for, so that no new one is forgotten. */

import { createServer, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { onTestFinished } from 'vitest';

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
    const aedes = await Aedes.createBroker();
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
      aedes.handle(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
    });
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
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
