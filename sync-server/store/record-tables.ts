/** The records of the streams as rows. Callers hold the transaction and hand over only what is new. */
import { INPUT_PROFILE_KIND } from '../../protocol/drift/input-profile.ts';
import { ContextMap } from '../../protocol/prediction-context.ts';
import type { EventRecord, Feedback, MetricRecord, Prediction, Severity } from '../../protocol/records.ts';
import { ContextIds } from './context-ids.ts';
import type { Sqlite, Statement } from './database.ts';
import type { EpochLineage } from './epoch-lineage.ts';
import type { InputProfileTable } from './input-profile-table.ts';
import { LabelTable } from './label-table.ts';
import { MinuteCounts } from './minute-counts.ts';
import type { OutcomeTable } from './outcome-table.ts';
import { RowInserter, type SqlValue } from './row-inserter.ts';

export interface FleetEvent {
  readonly device: string;
  readonly timeMs: number;
  readonly kind: string;
  readonly severity: Severity;
  readonly slot: string | null;
  readonly message: string;
}

export interface RecordTablesDeps {
  readonly outcomes: OutcomeTable;
  readonly profiles: InputProfileTable;
  readonly lineage: EpochLineage;
}

export class RecordTables {
  readonly #predictions: RowInserter;
  readonly #count: Statement<[number, number, number]>;
  readonly #labels: LabelTable;
  readonly #metric: Statement<SqlValue[]>;
  readonly #event: Statement<SqlValue[]>;
  readonly #recentEvents: Statement<[number], FleetEvent>;
  readonly #contexts: ContextIds;
  readonly #outcomes: OutcomeTable;
  readonly #profiles: InputProfileTable;

  constructor(sqlite: Sqlite, deps: RecordTablesDeps) {
    this.#outcomes = deps.outcomes;
    this.#profiles = deps.profiles;
    this.#contexts = new ContextIds(sqlite);
    this.#predictions = new RowInserter(sqlite, 'predictions', 11);
    this.#count = sqlite.prepare(
      `INSERT INTO prediction_counts (context_id, minute, count) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET count = count + excluded.count`,
    );
    this.#labels = new LabelTable(sqlite, deps);
    this.#metric = sqlite.prepare('INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)');
    this.#event = sqlite.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#recentEvents = sqlite.prepare(
      `SELECT device, time_ms AS timeMs, kind, severity, slot, message FROM events
       JOIN epochs ON epochs.id = epoch_id WHERE kind <> '${INPUT_PROFILE_KIND}'
       ORDER BY time_ms DESC, seq DESC LIMIT ?`,
    );
  }

  addPredictions(epochId: number, records: readonly Prediction[]): void {
    const counts = new MinuteCounts();
    const contextIds = new ContextMap<number>();
    this.#predictions.insert(records, (r, values, at) => {
      let contextId = contextIds.get(r);
      if (contextId === undefined) {
        contextId = this.#contexts.idOf(r);
        contextIds.set(r, contextId);
      }
      counts.add(contextId, r.timeMs);
      values[at] = epochId;
      values[at + 1] = r.seq;
      values[at + 2] = contextId;
      values[at + 3] = r.timeMs;
      values[at + 4] = r.correlationId;
      values[at + 5] = r.label;
      values[at + 6] = r.score;
      values[at + 7] = r.latencyUs;
      values[at + 8] = r.health;
      values[at + 9] = r.pairOf;
      values[at + 10] = r.features && float32Blob(r.features);
    });
    counts.each((contextId, minute, count) => this.#count.run(contextId, minute, count));
    const [first, last] = [records[0]?.seq, records.at(-1)?.seq];
    if (first !== undefined && last !== undefined) this.#outcomes.arrived(epochId, first, last);
  }

  /** @param saidBy the database that sent them, by whose numbers they speak of predictions; their own unless they lie elsewhere */
  addFeedback(epochId: number, records: readonly Feedback[], saidBy = epochId): void {
    this.#labels.add(epochId, records, saidBy);
  }

  addMetrics(epochId: number, records: readonly MetricRecord[]): void {
    for (const r of records) this.#metric.run(epochId, r.seq, r.timeMs, r.name, r.slot, r.value);
  }

  addEvents(epochId: number, records: readonly EventRecord[]): void {
    for (const r of records) {
      const data = JSON.stringify(r.data);
      this.#event.run(epochId, r.seq, r.timeMs, r.kind, r.severity, r.slot, r.message, data);
      if (r.kind === INPUT_PROFILE_KIND) this.#profiles.put(epochId, r);
    }
  }

  /** Of all devices, newest first by the devices' clocks. */
  recentEvents(limit: number): FleetEvent[] {
    return this.#recentEvents.all(limit);
  }

  forgetIds(): void {
    this.#contexts.forget();
  }
}

/** Little-endian float32, one after the other. */
function float32Blob(values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}
