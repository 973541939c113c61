/**
 * Keeps the database under its byte cap: what is acknowledged goes first, then predictions are thinned out, feedback and
 * events go last, and every loss is told.
 */

import type { Counters } from '../../daemon/counters.ts';
import type { Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { ConfusionTable } from './confusion-table.ts';
import type { Database } from './database.ts';
import type { Dropped, DropTables } from './drop-tables.ts';
import type { NewEvent } from './records.ts';

/** Shares of the cap: retention begins above `high` and ends below `low`; above `urgent` it does not let go before. */
const SHARE = { urgent: 0.95, high: 0.9, low: 0.8 } as const;

/** Of the write-ahead log, against the cap of the file without it. */
const LOG_SHARE = 1 / 9;

const LINE_EVENTS = { maxRows: 200_000, maxAgeMs: 7 * 24 * 3_600_000 } as const;
const TIDY_EVERY_MS = 10 * 60_000;

export interface RetentionDeps {
  readonly database: Database;
  readonly drops: DropTables;
  readonly confusion: ConfusionTable;
  /** For the file without its write-ahead log. */
  readonly capBytes: number;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly tell: (event: NewEvent) => void;
}

interface Loss {
  readonly stream: Stream;
  readonly thinned: boolean;
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export class Retention {
  readonly #deps: RetentionDeps;
  /** Set while a pass is under way: what was lost so far, to be told in one event a stream and kind of loss. */
  #losses: Map<string, Loss> | undefined;
  #next: NodeJS.Immediate | undefined;
  #tidiedAtMs = 0;
  #stopped = false;

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
  }

  /** Called between commits. Frees a slice now and the rest between other work; only when it is urgent, all at once. */
  check(): void {
    if (this.#stopped) return;
    this.#attempt(() => this.#tidy());
    if (this.#losses || this.#used() <= SHARE.high) return;
    this.#losses = new Map();
    this.#step();
  }

  /** Others filled the disk: make room inside the file, from what the server has, without asking the disk for more. */
  onDiskFull(): void {
    const { database, drops } = this.#deps;
    this.#attempt(() => database.foldLog('keep'));
    this.#attempt(() => drops.dropSlice('acked'));
    this.check();
  }

  /** Drops nothing more; what was dropped is told. */
  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#next);
    this.#tellLosses();
  }

  /** Old things that are bounded by age or number rather than by room. */
  #tidy(): void {
    const { database, drops, confusion, clock } = this.#deps;
    const nowMs = clock.wallMs();
    if (Math.abs(nowMs - this.#tidiedAtMs) < TIDY_EVERY_MS) return;
    this.#tidiedAtMs = nowMs;
    database.transaction(() => {
      drops.boundLineEvents(LINE_EVENTS.maxRows, nowMs - LINE_EVENTS.maxAgeMs);
      confusion.prune(nowMs);
    });
  }

  #step(): void {
    let more: boolean;
    do {
      more = this.#attempt(() => this.#dropSlice()) ?? false;
    } while (more && this.#used() > SHARE.urgent);
    if (more && this.#used() > SHARE.low) this.#next = setImmediate(() => this.#step());
    else this.#finish();
  }

  /** Share of the cap that is in use; 0 when even that cannot be read. */
  #used(): number {
    const { database, capBytes } = this.#deps;
    return (this.#attempt(() => database.size().usedBytes) ?? 0) / capBytes;
  }

  /** @returns false when nothing is left to drop */
  #dropSlice(): boolean {
    const slice = this.#deps.drops.dropSlice('any');
    this.#foldLog();
    for (const dropped of slice ?? []) this.#note(dropped);
    return slice !== undefined;
  }

  /** In a small store slices and the commits between them would take the log over the room that is kept for it. */
  #foldLog(): void {
    const { database, capBytes } = this.#deps;
    const { usedBytes, freeBytes, diskBytes } = database.size();
    if (diskBytes - usedBytes - freeBytes > LOG_SHARE * capBytes) database.foldLog('keep');
  }

  #note({ stream, from, to, unacked, thinned }: Dropped): void {
    if (!stream || unacked === 0) return;
    const kind = `${stream} ${thinned}`;
    const before = this.#losses?.get(kind) ?? { from, to, count: 0 };
    this.#losses?.set(kind, {
      stream,
      thinned,
      from: Math.min(before.from, from),
      to: Math.max(before.to, to),
      count: before.count + unacked,
    });
  }

  #finish(): void {
    this.#tellLosses();
    this.#attempt(() => {
      // Pages up to the high mark are left for the records to come; moving them to shrink the file would only wear the disk.
      const { usedBytes, freeBytes } = this.#deps.database.size();
      const excess = usedBytes + freeBytes - SHARE.high * this.#deps.capBytes;
      if (excess > 0) this.#deps.database.shrink(excess);
    });
  }

  #tellLosses(): void {
    const { counters, clock, tell } = this.#deps;
    for (const { stream, thinned, from, to, count } of this.#losses?.values() ?? []) {
      counters.add(`store.dropped-${stream}`, count);
      const fate = thinned ? 'thinned out; those kept stand for them' : 'dropped';
      tell({
        timeMs: clock.wallMs(),
        kind: 'records-dropped',
        severity: 'warning',
        slot: null,
        message: `The store was full: ${count} ${stream} that the server had not received were ${fate}.`,
        data: { stream, fromSeq: from, toSeq: to, count, thinned },
      });
    }
    this.#losses = undefined;
  }

  /** Retention runs beside the recording and must not stop it: what fails is counted, and tried again after the next commit. */
  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {
      this.#deps.counters.add('store.retention-failed');
      return undefined;
    }
  }
}
