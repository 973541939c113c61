/** Counts everything that sync refuses, and logs each code at most once a minute. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';

const LOG_EVERY_US = 60_000_000;

export interface RefusalsDeps {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

export class Refusals {
  readonly #deps: RefusalsDeps;
  readonly #loggedAtUs = new Map<string, number>();

  constructor(deps: RefusalsDeps) {
    this.#deps = deps;
  }

  /** @param what the thing refused, in words, for the log */
  refuse(error: unknown, what: string): void {
    const { clock, counters, log } = this.#deps;
    const code = codeOf(error);
    counters.add(code);
    const nowUs = clock.monotonicUs();
    if (nowUs - (this.#loggedAtUs.get(code) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_US) return;
    this.#loggedAtUs.set(code, nowUs);
    const hint = error instanceof Error && 'hint' in error ? error.hint : undefined;
    log.warn(
      { event: 'sync-refused', code, what, count: counters.get(code), hint, err: error },
      `refused ${what}`,
    );
  }
}
