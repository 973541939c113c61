/** Opens the device's memory and joins its parts. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import { agentError } from '../errors.ts';
import { backUp } from './backup.ts';
import { CommitQueue } from './commit-queue.ts';
import { ConfusionTable } from './confusion-table.ts';
import { Contexts, forgetContexts } from './contexts.ts';
import { reporting } from './damage-report.ts';
import { Database, markSuspect, refuseInUse, type Sqlite } from './database.ts';
import { DropTables } from './drop-tables.ts';
import { endEpoch, type Inherited, identify } from './epoch.ts';
import { GuideKeeper } from './guide-keeper.ts';
import { LabelWriter } from './label-writer.ts';
import { SqlitePredictionLog } from './prediction-log.ts';
import { PredictionWriter } from './prediction-writer.ts';
import { QueueRecorder } from './recorder.ts';
import type { NewEvent } from './records.ts';
import { Retention } from './retention.ts';
import { RowWriters } from './row-writers.ts';
import { finishSalvage, type Salvaged, salvage } from './salvage/salvage.ts';
import { readLogFrames } from './salvage/write-ahead-log.ts';
import { Scrub, type ScrubPlan } from './scrub.ts';
import { refuseUnsound, seal } from './sound-rows.ts';
import { SqliteStateTable } from './state-table.ts';
import type { PredictionLog, Recorder, ReopenReason, StateTable, Store, StreamLog } from './store.ts';
import { isCorrupt, saysDamage, storeError } from './store-error.ts';
import {
  changedUncopiedEvent,
  overtakenEvent,
  restoredEvent,
  salvagedEvent,
  unsoundEvent,
} from './store-events.ts';
import { StreamHeads } from './stream-heads.ts';
import { SqliteStreamLog } from './stream-log.ts';

export interface StoreOptions {
  /** Made if need be; holds `store.db` and its write-ahead log. */
  readonly folder: string;
  /** Cap on the database with its write-ahead log. */
  readonly maxBytes: number;
  readonly commitWithinMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** Called once when the open database must be opened again, which mends it. */
  readonly onReopen?: (why: ReopenReason) => void;
}

const MAX_ROWS_A_COMMIT = 2048;
const MAX_LOG_BYTES = 16 * 1024 * 1024;
/**
 * The write-ahead log is folded back once it has a third of the room kept for it: the transaction that takes it over
 * that mark may touch a page of the index by part for each of its rows.
 */
const LOG = { shareOfStore: 1 / 4, foldedAt: 1 / 3 } as const;

/** Soon after a run that was cut off, for a power cut is when files are torn; else once a day. */
const SCRUB = { afterCutMs: 60_000, everyMs: 24 * 3_600_000 } as const;

/**
 * Opens `<folder>/store.db`. Of a damaged database all that can be read goes on under a new epoch; the file itself is kept
 * as `store.db.corrupt-<n>`.
 * @throws CodedError STORE_LOCKED when another process has it open, STORE_FULL, STORE_UNWRITABLE
 */
export function openStore(options: StoreOptions): Store {
  const path = join(options.folder, 'store.db');
  try {
    mkdirSync(options.folder, { recursive: true });
    finishSalvage(path);
    return openAt(path, options);
  } catch (cause) {
    if (!saysDamage(cause)) throw storeError(cause, `cannot open ${path}`);
    refuseInUse(path);
    // Whatever cuts the salvage off, the next start begins it anew.
    markSuspect(path);
    const salvaged = salvage(path);
    options.counters.add('STORE_CORRUPT');
    return openAt(path, options, salvaged);
  }
}

function openAt(path: string, options: StoreOptions, salvaged?: Salvaged): SqliteStore {
  const { clock, log, maxBytes } = options;
  const logBytes = Math.min(MAX_LOG_BYTES, maxBytes * LOG.shareOfStore * LOG.foldedAt);
  const capBytes = maxBytes - logBytes / LOG.foldedAt;
  const wasCut = existsSync(`${path}-wal`);
  if (wasCut && readLogFrames(`${path}-wal`).damaged) {
    throw agentError('STORE_CORRUPT', 'the write-ahead log is damaged before its last transaction');
  }
  const database = Database.open(path, { maxBytes: capBytes, logBytes });
  try {
    refuseUnsound(database.sqlite);
    const run = randomBytes(4).toString('hex');
    const { epoch, origin, inherits } = identify(database, path);
    database.transaction(() => {
      forgetContexts(database.sqlite);
      if (salvaged) noteGone(database.sqlite, salvaged.gone);
    });
    const store = new SqliteStore(options, database, {
      ...{ path, epoch, inherits, run, logBytes, capBytes },
      goneRecords: salvaged ? STREAMS.reduce((sum, stream) => sum + salvaged.gone[stream], 0) : null,
      scrub: { firstMs: wasCut ? SCRUB.afterCutMs : SCRUB.everyMs, everyMs: SCRUB.everyMs },
    });
    log.info({ path, epoch, run, origin }, 'store opened');
    if (database.changedUncopied) {
      store.tell(changedUncopiedEvent(clock.wallMs(), database.changedUncopied));
    }
    if (salvaged) store.tell(salvagedEvent(clock.wallMs(), salvaged));
    else if (origin === 'restored') store.tell(restoredEvent(clock.wallMs(), epoch));
    return store;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

function noteGone(sqlite: Sqlite, gone: Salvaged['gone']): void {
  const add = sqlite.prepare('UPDATE streams SET dropped = dropped + ? WHERE stream = ?');
  for (const stream of STREAMS) add.run(gone[stream], stream);
  seal(sqlite, 'streams');
}

interface Identity {
  readonly path: string;
  readonly goneRecords: number | null;
  readonly epoch: string;
  readonly inherits: Inherited;
  readonly run: string;
  readonly logBytes: number;
  readonly capBytes: number;
  readonly scrub: ScrubPlan;
}

class SqliteStore implements Store {
  readonly epoch: string;
  readonly inherits: Inherited;
  readonly goneRecords: number | null;
  readonly run: string;
  readonly recorder: Recorder;
  readonly streams: StreamLog;
  readonly predictions: PredictionLog;
  readonly states: StateTable;
  readonly #scrub: Scrub;
  readonly #options: StoreOptions;
  readonly #database: Database;
  readonly #heads: StreamHeads;
  readonly #queue: CommitQueue;
  readonly #drops: DropTables;
  readonly #retention: Retention;
  readonly #guide: GuideKeeper;
  #foundDamage = false;
  #isOvertaken = false;

  constructor(options: StoreOptions, database: Database, identity: Identity) {
    const { clock, counters } = options;
    const { sqlite } = database;
    const { logBytes, capBytes } = identity;
    const maxRows = Math.min(MAX_ROWS_A_COMMIT, Math.floor(logBytes / 512));
    const heads = new StreamHeads(sqlite);
    const contexts = new Contexts(sqlite, identity.run, counters);
    const confusion = new ConfusionTable(sqlite, contexts);
    const queue = new CommitQueue({
      database,
      commitWithinMs: options.commitWithinMs,
      maxRows,
      clock,
      counters,
      onRollback: () => {
        heads.reload();
        contexts.reload();
      },
      onCommit: () => heads.mark(),
      onIdle: (full) => (full ? this.#retention.onDiskFull() : this.#retention.check()),
    });
    const drops = new DropTables(database, heads, contexts, maxRows);
    const report = () => this.#damaged();
    this.epoch = identity.epoch;
    this.inherits = identity.inherits;
    this.goneRecords = identity.goneRecords;
    this.run = identity.run;
    this.recorder = new QueueRecorder(
      queue,
      new PredictionWriter(sqlite, contexts, heads),
      new RowWriters(sqlite, heads, new LabelWriter(sqlite, confusion), clock),
    );
    const onOvertaken = (stream: Stream, serverSeq: number) => this.#overtaken(stream, serverSeq);
    this.streams = reporting(
      new SqliteStreamLog({ sqlite, queue, heads, contexts, counters, onOvertaken }),
      report,
    );
    this.predictions = reporting(new SqlitePredictionLog(sqlite, contexts, confusion), report);
    this.states = reporting(new SqliteStateTable(database), report);
    database.onDamage(report);
    this.#scrub = new Scrub(sqlite, identity.scrub, counters, {
      onDamage: report,
      onUnsound: (rows) => this.tell(unsoundEvent(clock.wallMs(), rows)),
    });
    this.#options = options;
    this.#database = database;
    this.#heads = heads;
    this.#queue = queue;
    this.#drops = drops;
    this.#retention = new Retention({
      database,
      drops,
      confusion,
      capBytes,
      clock,
      counters,
      tell: (event) => this.tell(event),
    });
    this.#retention.check();
    this.#scrub.start();
    this.#guide = new GuideKeeper({
      ...{ path: identity.path, epoch: identity.epoch, database },
      ...{ heads, contexts, counters },
    });
    this.#guide.start();
  }

  sizeBytes(): number {
    return this.#database.size().diskBytes;
  }

  droppedUnacked(): number {
    return this.#heads.droppedTotal();
  }

  thinnedOut(): number {
    return this.#drops.thinnedTotal();
  }

  failing(): string | null {
    return this.#queue.failing;
  }

  async backUp(file: string): Promise<void> {
    try {
      await backUp(this.#database.sqlite, file);
    } catch (cause) {
      if (isCorrupt(cause)) this.#damaged();
      throw storeError(cause, 'cannot copy the store');
    }
  }

  /** Records an event of the store's own. One that cannot be recorded is counted by the queue. */
  tell(event: NewEvent): void {
    this.#options.log.warn({ kind: event.kind, ...event.data }, event.message);
    this.recorder.events([event]).catch(() => this.#options.counters.add('store.event-lost'));
  }

  async close(): Promise<void> {
    this.#scrub.stop();
    this.#retention.stop();
    await this.#queue.close();
    if (this.#foundDamage) this.#database.close();
    else this.#guide.closeDatabase();
  }

  #damaged(): void {
    if (this.#foundDamage) return;
    this.#foundDamage = true;
    this.#guide.stop();
    this.#database.markSuspect();
    this.#options.log.error({ code: 'STORE_CORRUPT' }, 'the database is damaged');
    this.#options.onReopen?.('damaged');
  }

  #overtaken(stream: Stream, serverSeq: number): void {
    const lastSeq = this.streams.unproven(stream);
    if (this.#isOvertaken || lastSeq === undefined) return;
    endEpoch(this.#database);
    this.#isOvertaken = true;
    this.#options.counters.add('STORE_OVERTAKEN');
    this.tell(overtakenEvent(this.#options.clock.wallMs(), { stream, serverSeq, lastSeq }));
    this.#options.onReopen?.('overtaken');
  }
}
