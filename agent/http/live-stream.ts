/** `GET /api/live`: the whole view over server-sent events, to a bounded number of viewers. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import { agentError } from '../errors.ts';
import { SECURITY_HEADERS } from './guard.ts';

const MAX_VIEWERS = 16;
const MIN_INTERVAL_MS = 500;
const HEARTBEAT_MS = 15_000;
/** A viewer that leaves this much unread is cut off; its browser connects again and gets the newest view. */
const MAX_UNREAD_BYTES = 1024 * 1024;

interface LiveDeps {
  /** The view as JSON. */
  readonly view: () => string;
  /** Calls the listener after every change; returns how to end that. */
  readonly changed: (listener: () => void) => () => void;
  readonly counters: Counters;
}

export class LiveStream {
  readonly #deps: LiveDeps;
  readonly #viewers = new Set<ServerResponse>();
  #unsubscribe: (() => void) | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  /** Runs for `MIN_INTERVAL_MS` after each send. */
  #pause: NodeJS.Timeout | undefined;
  #changedInPause = false;

  constructor(deps: LiveDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#unsubscribe = this.#deps.changed(() => this.#onChange());
    this.#heartbeat = setInterval(() => this.#send(': still here\n\n'), HEARTBEAT_MS);
  }

  stop(): void {
    this.#unsubscribe?.();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#pause);
    this.#pause = undefined;
    for (const viewer of this.#viewers) viewer.end();
    this.#viewers.clear();
  }

  addTo(app: FastifyInstance): void {
    app.get('/api/live', { exposeHeadRoute: false }, async (_request, reply) => {
      this.#checkRoom();
      reply.hijack();
      this.#add(reply.raw);
    });
  }

  /** @throws CodedError TOO_MANY_VIEWERS */
  #checkRoom(): void {
    if (this.#viewers.size < MAX_VIEWERS) return;
    throw agentError('TOO_MANY_VIEWERS', `${MAX_VIEWERS} pages of this device are open already`, {
      hint: 'Close one of them.',
    });
  }

  /** Takes over a response; sends the view at once and then whenever it changed. */
  #add(viewer: ServerResponse): void {
    viewer.writeHead(200, {
      ...SECURITY_HEADERS,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    viewer.on('close', () => this.#viewers.delete(viewer));
    viewer.on('error', () => this.#viewers.delete(viewer));
    this.#viewers.add(viewer);
    viewer.write(`retry: 2000\n\n${this.#message() ?? ''}`);
  }

  #onChange(): void {
    if (this.#pause) {
      this.#changedInPause = true;
      return;
    }
    if (this.#viewers.size === 0) return;
    const message = this.#message();
    if (message !== undefined) this.#send(message);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (!this.#changedInPause) return;
      this.#changedInPause = false;
      this.#onChange();
    }, MIN_INTERVAL_MS);
  }

  /** Undefined when a part cannot be read (a failing disk): who changed something must not suffer from who looks at it. */
  #message(): string | undefined {
    try {
      return `data: ${this.#deps.view()}\n\n`;
    } catch (error) {
      this.#deps.counters.add(codeOf(error));
      return undefined;
    }
  }

  #send(text: string): void {
    for (const viewer of this.#viewers) {
      if (viewer.writableLength > MAX_UNREAD_BYTES) {
        this.#deps.counters.add('http.slow-viewers-dropped');
        this.#viewers.delete(viewer);
        viewer.destroy();
      } else {
        viewer.write(text);
      }
    }
  }
}
