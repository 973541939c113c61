/** Counts wrong tokens by address. Holds up nobody with a right one: 256 bits need no lock, but their logs and our time do. */
import type { Clock } from '../clock.ts';

const MAX_FAILURES = 10;
const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;

export class FailureLimit {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #failures = new Map<string, { count: number; untilMs: number }>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** @returns seconds to wait when this was one too many, else 0 */
  failed(address: string): number {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#failures.get(address);
    if (known && nowMs < known.untilMs) {
      known.count += 1;
      return known.count > MAX_FAILURES ? Math.ceil((known.untilMs - nowMs) / 1000) : 0;
    }
    // Deleted first, so that the map stays in the order of its windows.
    this.#failures.delete(address);
    const oldest = this.#failures.keys().next().value;
    if (oldest !== undefined && this.#failures.size >= MAX_ADDRESSES) this.#failures.delete(oldest);
    this.#failures.set(address, { count: 1, untilMs: nowMs + WINDOW_MS });
    return 0;
  }
}
