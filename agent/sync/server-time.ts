/**
 * What the server's clock shows now, from the times in its messages. A message was sent before it came, so each gives a lower
 * bound; the highest of the newest few is the one that was delayed least. It runs on by the monotonic clock.
 */
import type { Clock } from '../clock.ts';

const KEPT = 16;
/** The monotonic clock stands still while a machine sleeps, so what is old proves nothing. */
const FRESH_MS = 3_600_000;

export class ServerTime {
  readonly #clock: Pick<Clock, 'monotonicUs'>;
  #heard: { readonly serverMs: number; readonly atMs: number }[] = [];

  constructor(clock: Pick<Clock, 'monotonicUs'>) {
    this.#clock = clock;
  }

  /** @param serverMs ms since the Unix epoch, of a message that came just now and that no broker had kept */
  heard(serverMs: number): void {
    this.#heard = [...this.#heard, { serverMs, atMs: this.#monotonicMs() }].slice(-KEPT);
  }

  /** ms since the Unix epoch, at most the least delay too early; null when the server has not told lately. */
  nowMs(): number | null {
    const nowMs = this.#monotonicMs();
    const fresh = this.#heard.filter(({ atMs }) => nowMs - atMs <= FRESH_MS);
    if (fresh.length === 0) return null;
    return Math.round(nowMs + Math.max(...fresh.map(({ serverMs, atMs }) => serverMs - atMs)));
  }

  #monotonicMs(): number {
    return this.#clock.monotonicUs() / 1000;
  }
}
