/** Opens the device's memory and joins its parts. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { CommitQueue } from './commit-queue.ts';
import { ConfusionTable } from './confusion-table.ts';
import { Contexts, forgetContexts } from './contexts.ts';
import { Database, suspectPath } from './database.ts';
import { DropTables } from './drop-tables.ts';
import { identify } from './epoch.ts';
import { LabelWriter } from './label-writer.ts';
import { SqlitePredictionLog } from './prediction-log.ts';
import { PredictionWriter } from './prediction-writer.ts';
import { QueueRecorder } from './recorder.ts';
import type { NewEvent } from './records.ts';
import { Retention } from './retention.ts';
import { RowWriters } from './row-writers.ts';
import { SqliteStateTable } from './state-table.ts';
import type { Recorder, Store } from './store.ts';
import { isCorrupt, storeError } from './store-error.ts';
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
}

const MAX_ROWS_A_COMMIT = 2048;
const MAX_LOG_BYTES = 16 * 1024 * 1024;
/**
 * The write-ahead log is folded back once it has a third of the room kept for it: the transaction that takes it over
 * that mark may touch a page of the index by part for each of its rows.
 */
const LOG = { shareOfStore: 1 / 4, foldedAt: 1 / 3 } as const;

/**
 * Opens `<folder>/store.db`. An unreadable database is set aside as `store.db.corrupt-<n>` and a new epoch begins.
 * @throws CodedError STORE_LOCKED when another process has it open, STORE_FULL, STORE_UNWRITABLE
 */
export function openStore(options: StoreOptions): Store {
  const path = join(options.folder, 'store.db');
  try {
    return openAt(path, options);
  } catch (cause) {
    if (!isCorrupt(cause)) throw storeError(cause, `cannot open ${path}`);
    const setAside = moveAside(path);
    const store = openAt(path, options);
    options.counters.add('STORE_CORRUPT');
    store.tell(setAsideEvent(options.clock.wallMs(), setAside));
    return store;
  }
}

function openAt(path: string, options: StoreOptions): SqliteStore {
  const { clock, log, maxBytes } = options;
  const logBytes = Math.min(MAX_LOG_BYTES, maxBytes * LOG.shareOfStore * LOG.foldedAt);
  const capBytes = maxBytes - logBytes / LOG.foldedAt;
  mkdirSync(dirname(path), { recursive: true });
  const database = Database.open(path, { maxBytes: capBytes, logBytes });
  try {
    const run = randomBytes(4).toString('hex');
    const { epoch, origin } = identify(database, path);
    database.transaction(() => forgetContexts(database.sqlite));
    const store = new SqliteStore(options, database, { epoch, run, logBytes, capBytes });
    log.info({ path, epoch, run, origin }, 'store opened');
    if (origin === 'restored') store.tell(restoredEvent(clock.wallMs(), epoch));
    return store;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

class SqliteStore implements Store {
  readonly epoch: string;
  readonly run: string;
  readonly recorder: Recorder;
  readonly streams: SqliteStreamLog;
  readonly predictions: SqlitePredictionLog;
  readonly states: SqliteStateTable;
  readonly #options: StoreOptions;
  readonly #database: Database;
  readonly #heads: StreamHeads;
  readonly #queue: CommitQueue;
  readonly #drops: DropTables;
  readonly #retention: Retention;

  constructor(
    options: StoreOptions,
    database: Database,
    identity: { epoch: string; run: string; logBytes: number; capBytes: number },
  ) {
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
    this.epoch = identity.epoch;
    this.run = identity.run;
    this.recorder = new QueueRecorder(
      queue,
      new PredictionWriter(sqlite, contexts, heads),
      new RowWriters(sqlite, heads, new LabelWriter(sqlite, confusion), clock),
    );
    this.streams = new SqliteStreamLog(sqlite, queue, heads, contexts);
    this.predictions = new SqlitePredictionLog(sqlite, contexts, confusion);
    this.states = new SqliteStateTable(database);
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

  /** Records an event of the store's own. One that cannot be recorded is counted by the queue. */
  tell(event: NewEvent): void {
    this.#options.log.warn({ kind: event.kind, ...event.data }, event.message);
    this.recorder.events([event]).catch(() => this.#options.counters.add('store.event-lost'));
  }

  async close(): Promise<void> {
    this.#retention.stop();
    await this.#queue.close();
    this.#database.close();
  }
}

/** @returns where the database is now */
function moveAside(path: string): string {
  const setAside = firstFree(`${path}.corrupt-`);
  renameSync(path, setAside);
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${setAside}-wal`);
  rmSync(suspectPath(path), { force: true });
  return setAside;
}

function firstFree(prefix: string): string {
  let n = 1;
  while (existsSync(`${prefix}${n}`)) n += 1;
  return `${prefix}${n}`;
}

function setAsideEvent(timeMs: number, path: string): NewEvent {
  return {
    timeMs,
    kind: 'store-set-aside',
    severity: 'alarm',
    slot: null,
    message: `The database was unreadable and was set aside as ${path}. A new one begins; what was not sent is only in that file.`,
    data: { path },
  };
}

function restoredEvent(timeMs: number, epoch: string): NewEvent {
  return {
    timeMs,
    kind: 'store-restored',
    severity: 'warning',
    slot: null,
    message: 'The database file is a copy: its records go on under a new store epoch.',
    data: { epoch },
  };
}
