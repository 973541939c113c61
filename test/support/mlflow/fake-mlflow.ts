/** A small HTTP server in MLflow's place, for what a real one would not do: lie, hang, send without end, lose its answer. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Call {
  readonly method: string;
  /** Under /api/2.0, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
}

/** @returns a JSON answer, or undefined when it has answered by itself */
export type Route = (call: Call, response: ServerResponse) => unknown;

const API = '/api/2.0';

export class FakeMlflow {
  readonly calls: Call[] = [];
  readonly routes: Record<string, Route>;
  readonly #server: Server;

  private constructor(routes: Record<string, Route>) {
    this.routes = routes;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Ends with the test. @param routes path under /api/2.0 -> answer */
  static async start(routes: Record<string, Route> = {}): Promise<FakeMlflow> {
    const fake = new FakeMlflow(routes);
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(async () => {
      fake.#server.closeAllConnections();
      await new Promise((resolve) => fake.#server.close(resolve));
    });
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of request) text += part;
    const url = new URL(request.url ?? '/', this.url);
    const call: Call = {
      method: request.method ?? '',
      path: url.pathname.slice(API.length),
      query: url.searchParams,
      body: text ? JSON.parse(text) : {},
      headers: request.headers,
    };
    this.calls.push(call);
    const route = this.routes[call.path];
    if (!route) return refuse(response, 404, 'RESOURCE_DOES_NOT_EXIST');
    const answer = route(call, response);
    if (answer !== undefined)
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  }
}

/** As MLflow itself refuses. */
export function refuse(response: ServerResponse, status: number, error_code: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error_code, message: `${error_code} it is` }));
}
