/**
 * The server's memory as one surface: every table the rest of the server needs, over one SQLite file.
 * Knows nothing of MQTT, HTTP or rollout rules.
 */
import { join } from 'node:path';
import type { EvidenceSource } from '../rollouts/evidence-source.ts';
import type { RolloutTable } from '../rollouts/rollout-table.ts';
import { Arrivals } from './arrivals.ts';
import { type AuditRow, AuditTable } from './audit-table.ts';
import { openBesideServer, openDatabase } from './database.ts';
import { DeadLetterTable } from './dead-letter-table.ts';
import { DesiredTable } from './desired-table.ts';
import { DeviceCertificateTable } from './device-certificate-table.ts';
import { DeviceTable } from './device-table.ts';
import { DriftLabels } from './drift-labels.ts';
import { EpochLineage } from './epoch-lineage.ts';
import { InputProfileTable } from './input-profile-table.ts';
import { LabelledSamples } from './labelled-samples.ts';
import { MlflowTable } from './mlflow-table.ts';
import { ModelMarks } from './model-marks.ts';
import { ModelTable } from './model-table.ts';
import { OutcomeTable } from './outcome-table.ts';
import { RecordTables } from './record-tables.ts';
import { SqlEvidence } from './sql-evidence.ts';
import { SqlRolloutTable } from './sql-rollout-table.ts';
import { StreamCursors } from './stream-cursors.ts';
import { TokenTable } from './token-table.ts';

export interface ServerStore {
  readonly devices: DeviceTable;
  readonly cursors: StreamCursors;
  readonly records: RecordTables;
  readonly profiles: InputProfileTable;
  readonly outcomes: OutcomeTable;
  readonly arrivals: Arrivals;
  readonly deadLetters: DeadLetterTable;
  readonly models: ModelTable;
  readonly marks: ModelMarks;
  readonly mlflow: MlflowTable;
  readonly desired: DesiredTable;
  readonly rollouts: RolloutTable;
  readonly evidence: EvidenceSource;
  readonly labelledSamples: LabelledSamples;
  readonly driftLabels: DriftLabels;
  readonly audit: AuditTable;
  readonly tokens: TokenTable;
  readonly certificates: DeviceCertificateTable;
  /** Runs `work` as one fsynced transaction; when it throws, nothing of it is kept. May be nested. */
  transaction<T>(work: () => T): T;
  close(): void;
}

export interface OpenOptions {
  /** Told of each row of the audit log once it stands. */
  readonly onAudit?: (row: AuditRow) => void;
  /** For a command: opens an existing store, also while its server runs. */
  readonly besideServer?: boolean;
}

/** @throws CodedError STORE_LOCKED, STORE_CORRUPT, STORE_UNWRITABLE */
export function openServerStore(dataDir: string, options: OpenOptions = {}): ServerStore {
  const file = join(dataDir, 'server.db');
  const database = options.besideServer ? openBesideServer(file) : openDatabase(file);
  const { sqlite } = database;
  const lineage = new EpochLineage(sqlite);
  const cursors = new StreamCursors(sqlite, lineage);
  const outcomes = new OutcomeTable(sqlite);
  const profiles = new InputProfileTable(sqlite);
  const records = new RecordTables(sqlite, { outcomes, profiles, lineage });
  return {
    devices: new DeviceTable(sqlite),
    cursors,
    records,
    profiles,
    outcomes,
    arrivals: new Arrivals(sqlite),
    deadLetters: new DeadLetterTable(sqlite),
    models: new ModelTable(sqlite),
    marks: new ModelMarks(sqlite),
    mlflow: new MlflowTable(sqlite),
    desired: new DesiredTable(sqlite),
    rollouts: new SqlRolloutTable(sqlite),
    evidence: new SqlEvidence(sqlite),
    labelledSamples: new LabelledSamples(sqlite),
    driftLabels: new DriftLabels(sqlite),
    audit: new AuditTable(sqlite, options.onAudit ?? (() => undefined)),
    tokens: new TokenTable(sqlite),
    certificates: new DeviceCertificateTable(sqlite),
    transaction: (work) => {
      try {
        // Immediate: one that read first could not write any more once a command beside the server had written.
        return sqlite.transaction(work).immediate();
      } catch (error) {
        // Ids handed out inside the transaction are gone with it.
        cursors.forgetIds();
        records.forgetIds();
        throw error;
      }
    },
    close: () => database.close(),
  };
}
