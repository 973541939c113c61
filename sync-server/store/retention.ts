/** Gives room back: deletes records that came more than `keepDays` ago, in slices so small that ingest never waits for them. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import type { ServerStore } from './server-store.ts';

export interface RetentionDeps {
  readonly store: Pick<ServerStore, 'arrivals' | 'transaction'>;
  readonly keepDays: number;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

const SLICE = 2000;
/** Between two slices: deletes up to 40,000 records a second. */
const PAUSE_MS = 50;
/** Between two sweeps. */
const EVERY_MS = 3_600_000;

export class Retention {
  readonly #deps: RetentionDeps;
  #timer: NodeJS.Timeout | undefined;
  /** Deleted in the sweep under way. */
  #deleted = 0;

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setTimeout(() => this.#tick(), PAUSE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #tick(): void {
    const { keepDays, counters, log } = this.#deps;
    let deleted = 0;
    try {
      deleted = this.#deleteSlice();
    } catch (error) {
      counters.add(`retention.${codeOf(error)}`);
      log.error(
        { event: 'retention-failed', err: error },
        'old records stay for now; the next sweep tries again',
      );
    }
    this.#deleted += deleted;
    if (deleted === 0 && this.#deleted > 0) {
      log.info({ event: 'records-deleted', records: this.#deleted, keepDays }, 'deleted old records');
      this.#deleted = 0;
    }
    this.#timer = setTimeout(() => this.#tick(), deleted > 0 ? PAUSE_MS : EVERY_MS);
  }

  #deleteSlice(): number {
    const { store, clock, keepDays, counters } = this.#deps;
    const beforeMs = clock.wallMs() - keepDays * 86_400_000;
    const deleted = store.transaction(() => store.arrivals.deleteSome(beforeMs, SLICE));
    if (deleted > 0) counters.add('retention.deleted', deleted);
    return deleted;
  }
}
