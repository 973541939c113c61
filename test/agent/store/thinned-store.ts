/** The parts of a real store on a real database, with a run of our choosing: so the draws of thinning are the same each time. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ConfusionTable } from '../../../agent/store/confusion-table.ts';
import { Contexts } from '../../../agent/store/contexts.ts';
import { Database } from '../../../agent/store/database.ts';
import { DropTables } from '../../../agent/store/drop-tables.ts';
import { LabelWriter } from '../../../agent/store/label-writer.ts';
import { SqlitePredictionLog } from '../../../agent/store/prediction-log.ts';
import { PredictionWriter } from '../../../agent/store/prediction-writer.ts';
import type { NewFeedback, NewPrediction } from '../../../agent/store/records.ts';
import { StreamHeads } from '../../../agent/store/stream-heads.ts';
import { SqliteStreamLog } from '../../../agent/store/stream-log.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { RecordOf } from '../../../protocol/records.ts';
import { tempFolder } from './temp-store.ts';

const LIMITS = { maxBytes: 64 * 1024 * 1024, logBytes: 4 * 1024 * 1024 };
const LARGE_SLICE = 4096;

export class ThinnedStore {
  readonly database: Database;
  readonly heads: StreamHeads;
  readonly log: SqlitePredictionLog;
  readonly #streams: SqliteStreamLog;
  readonly #drops: DropTables;
  readonly #writer: PredictionWriter;
  readonly #labels: LabelWriter;

  /** @param run 8 hex digits */
  constructor(database: Database, run: string, sliceRows: number) {
    const { sqlite } = database;
    const contexts = new Contexts(sqlite, run, new Counters());
    const confusion = new ConfusionTable(sqlite, contexts);
    this.database = database;
    this.heads = new StreamHeads(sqlite);
    this.log = new SqlitePredictionLog(sqlite, contexts, confusion);
    // Acknowledged by `heads` here: a queue would wait for company.
    this.#streams = new SqliteStreamLog({
      sqlite,
      queue: undefined as never,
      heads: this.heads,
      contexts,
      counters: new Counters(),
      onOvertaken: () => undefined,
    });
    this.#drops = new DropTables(database, this.heads, contexts, sliceRows);
    this.#writer = new PredictionWriter(sqlite, contexts, this.heads);
    this.#labels = new LabelWriter(sqlite, confusion);
  }

  record(predictions: readonly NewPrediction[]): void {
    this.#commit(() => this.#writer.write(predictions));
  }

  label(feedback: readonly NewFeedback[]): void {
    this.#commit(() => {
      for (const each of feedback) this.#labels.write(this.heads.next('feedback'), each);
    });
  }

  /** @returns how many unacknowledged records of each stream went; undefined when nothing may go */
  thin(): { predictions: number; feedback: number } | undefined {
    const slice = this.#drops.dropSlice('any');
    const of = (stream: string) => slice?.find((dropped) => dropped.stream === stream)?.unacked ?? 0;
    return slice && { predictions: of('predictions'), feedback: of('feedback') };
  }

  ack(seq: number): void {
    if (this.heads.ack('predictions', seq)) this.#commit(() => this.heads.save('predictions'));
  }

  kept(): RecordOf['predictions'][] {
    return this.#streams.read('predictions', 0, Number.MAX_SAFE_INTEGER).records;
  }

  #commit(write: () => void): void {
    this.database.transaction(write);
    this.heads.mark()();
  }
}

export function openThinnedStore(run = '00000001', sliceRows = LARGE_SLICE): ThinnedStore {
  const database = Database.open(join(tempFolder(), 'store.db'), LIMITS);
  onTestFinished(() => void database.close());
  return new ThinnedStore(database, run, sliceRows);
}
