/** Counts what is refused or dropped, and logs it at most once a minute a code: the page shows the counts. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import type { Clock } from '../clock.ts';

const QUIET_US = 60_000_000;

export class RefusalLog {
  readonly #deps: { readonly clock: Clock; readonly log: Logger; readonly counters: Counters };
  readonly #loggedUs = new Map<string, number>();

  constructor(deps: { readonly clock: Clock; readonly log: Logger; readonly counters: Counters }) {
    this.#deps = deps;
  }

  add(code: string, reason: string, count = 1): void {
    const { clock, log, counters } = this.#deps;
    counters.add(code, count);
    const nowUs = clock.monotonicUs();
    const lastUs = this.#loggedUs.get(code);
    if (lastUs !== undefined && nowUs - lastUs < QUIET_US) return;
    this.#loggedUs.set(code, nowUs);
    log.warn({ event: 'refused', code, reason: reason.slice(0, 300) });
  }
}
