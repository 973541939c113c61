/** A web server as a line has one: it takes what comes, or fails in the ways that servers do. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AlarmMessage } from '../../../protocol/alarms.ts';

export class WebhookReceiver {
  /** A status to answer with, or nothing at all. */
  answer: number | 'hang' = 204;
  readonly received: { message: AlarmMessage; body: string; headers: IncomingHttpHeaders }[] = [];
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks/alarms`;
  }

  /** Takes the same port each time. */
  async start(): Promise<this> {
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (bytes: Buffer) => {
        body += bytes.toString();
      });
      request.on('end', () => {
        this.received.push({ message: JSON.parse(body) as AlarmMessage, body, headers: request.headers });
        if (this.answer !== 'hang') response.writeHead(this.answer).end('thanks');
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}
