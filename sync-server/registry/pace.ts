/** Keeps what is sent under so many bytes a second, over all who send. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../clock.ts';

export class Pace {
  readonly #maxBytesPerS: number | null;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** Monotonic: when what was sent so far is paid for. */
  #paidAtMs = Number.NEGATIVE_INFINITY;

  /** @param maxBytesPerS null: no limit */
  constructor(maxBytesPerS: number | null, clock: Pick<Clock, 'monotonicMs'>) {
    this.#maxBytesPerS = maxBytesPerS;
    this.#clock = clock;
  }

  /** Counts bytes as sent; resolves when the next ones may go, or at once when the signal says so. */
  async spend(bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.#maxBytesPerS === null) return;
    const nowMs = this.#clock.monotonicMs();
    this.#paidAtMs = Math.max(this.#paidAtMs, nowMs) + (bytes / this.#maxBytesPerS) * 1000;
    await pause(this.#paidAtMs - nowMs, undefined, { signal }).catch(() => undefined);
  }
}
