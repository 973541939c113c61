/** No broker: it answers whatever comes first on a connection with the next of its streams of bytes, and ends it. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export class BabblingBroker {
  readonly #answers: readonly Buffer[];
  readonly #sockets = new Set<Socket>();
  url = '';
  answered = 0;

  constructor(answers: readonly Buffer[]) {
    this.#answers = answers;
  }

  /** Stopped when the test ends. */
  async start(): Promise<this> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.once('data', () => {
        socket.end(this.#answers[this.answered % this.#answers.length] ?? Buffer.alloc(0), () => {
          this.answered += 1;
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(async () => {
      for (const socket of this.#sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    });
    this.url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this;
  }
}
