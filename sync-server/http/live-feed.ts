/** `GET /api/live`: the fleet view over server-sent events, when it changes and at most twice a second. */
import type { ServerResponse } from 'node:http';
import type { FleetView } from '../views/fleet.ts';

const EVERY_MS = 500;
/** A comment this often keeps proxies and watchdogs from closing a quiet stream. */
const BEAT_MS = 15_000;
const MAX_LISTENERS = 64;
/** A reader that is this far behind is cut; it comes back and gets the newest view. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

export class LiveFeed {
  readonly #view: () => FleetView;
  readonly #onError: (error: unknown) => void;
  /** Each with whether its reader may still have it. */
  readonly #listeners = new Map<ServerResponse, () => boolean>();
  #timers: NodeJS.Timeout[] = [];
  #last = '';

  /** @param onError told when the view cannot be made; the next tick tries again */
  constructor(view: () => FleetView, onError: (error: unknown) => void) {
    this.#view = view;
    this.#onError = onError;
  }

  /**
   * Takes over an open answer and sends the view at once.
   * @param allowed asked at each beat: whoever loses access is cut
   * @returns false when there are too many listeners
   */
  add(response: ServerResponse, allowed: () => boolean): boolean {
    if (this.#listeners.size >= MAX_LISTENERS) return false;
    const view = this.#view();
    this.#listeners.set(response, allowed);
    // A write that meets the end of the connection is no news: 'close' follows.
    response.on('error', () => undefined);
    response.on('close', () => this.#remove(response));
    response.write(`data: ${JSON.stringify(view)}\n\n`);
    if (this.#timers.length === 0) {
      this.#last = factsOf(view);
      this.#timers = [setInterval(() => this.#tick(), EVERY_MS), setInterval(() => this.#beat(), BEAT_MS)];
    }
    return true;
  }

  stop(): void {
    for (const response of this.#listeners.keys()) response.end();
    this.#listeners.clear();
    this.#stopTimers();
  }

  #tick(): void {
    try {
      const view = this.#view();
      const facts = factsOf(view);
      if (facts === this.#last) return;
      this.#last = facts;
      this.#send(`data: ${JSON.stringify(view)}\n\n`);
    } catch (error) {
      this.#onError(error);
    }
  }

  #beat(): void {
    for (const [response, allowed] of this.#listeners) {
      if (!allowed()) response.end();
    }
    this.#send(':\n\n');
  }

  #send(text: string): void {
    for (const response of this.#listeners.keys()) {
      if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
      else response.write(text);
    }
  }

  #remove(response: ServerResponse): void {
    this.#listeners.delete(response);
    if (this.#listeners.size === 0) this.#stopTimers();
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }
}

/** The time alone is no change. */
function factsOf(view: FleetView): string {
  return JSON.stringify({ ...view, nowMs: 0 });
}
