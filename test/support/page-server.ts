/** A stand-in for the agent's or the server's HTTP side: serves a built page, one view as JSON and SSE, and keeps what is posted. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** The header that the real servers send. */
const PAGE_CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FILES: Record<string, [file: string, type: string]> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/app.css': ['app.css', 'text/css; charset=utf-8'],
};

export interface Posted {
  readonly path: string;
  readonly body: unknown;
}

export class PageServer {
  readonly posted: Posted[] = [];
  /** What other addresses answer: path -> JSON. */
  readonly others = new Map<string, unknown>();
  /** What the next posts are answered with. */
  answer: { status: number; body: unknown } = { status: 200, body: { ok: true } };
  readonly #folder: string;
  readonly #snapshotPath: string;
  readonly #streams = new Set<ServerResponse>();
  #view: unknown;
  #server: Server | undefined;
  #down = false;
  /** While set, it wants to know who asks. */
  locked = false;

  /** @param page folder name under dist/pages */
  constructor(page: 'status' | 'console', view: unknown) {
    this.#folder = join(import.meta.dirname, '..', '..', 'dist', 'pages', page);
    this.#snapshotPath = page === 'status' ? '/api/status' : '/api/fleet';
    this.#view = view;
  }

  /** @returns the page's address */
  async start(): Promise<string> {
    const server = createServer((request, response) => void this.#handle(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  show(view: unknown): void {
    this.#view = view;
    for (const stream of this.#streams) stream.write(this.#event());
  }

  /** While down, every answer of the API is cut off, as when the process is gone. */
  setDown(down: boolean): void {
    this.#down = down;
    if (down) for (const stream of this.#streams) stream.destroy();
  }

  #event(): string {
    return `data: ${JSON.stringify(this.#view)}\n\n`;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    if (this.#down && path.startsWith('/api/')) {
      request.socket.destroy();
      return;
    }
    if (request.method === 'POST') {
      let text = '';
      for await (const bytes of request) text += bytes;
      this.posted.push({ path, body: JSON.parse(text) });
      response.writeHead(this.answer.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(this.answer.body));
    } else if (this.locked && path.startsWith('/api/')) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{}');
    } else if (path === '/api/live') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write(this.#event());
      this.#streams.add(response);
      response.on('close', () => this.#streams.delete(response));
    } else if (path === this.#snapshotPath) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(this.#view));
    } else if (this.others.has(path)) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(this.others.get(path)));
    } else {
      this.#sendFile(path, response);
    }
  }

  #sendFile(path: string, response: ServerResponse): void {
    const file = FILES[path];
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': file[1], 'content-security-policy': PAGE_CSP });
    response.end(readFileSync(join(this.#folder, file[0])));
  }
}
