/** Writes the predictions of a store with the labels that stand, a row each; memory does not grow with the store. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Sqlite } from '../../agent/store/database.ts';
import { INPUT_HEALTH_BITS } from '../../agent/store/prediction-writer.ts';
import { takenSql } from '../../agent/store/sound-rows.ts';
import { predictionId, ROLES } from '../../protocol/records.ts';
import { cliError } from '../errors.ts';

export interface ExportQuery {
  readonly slot: string | undefined;
  /** Made at or after it; ms since the Unix epoch. */
  readonly sinceMs: number | undefined;
}

export interface ExportFile {
  readonly path: string;
  readonly format: 'ndjson' | 'csv';
  readonly replace: boolean;
  readonly onProgress: (rows: number) => void;
}

/** Field names are those of CSV columns, too. */
interface Exported {
  readonly id: string;
  readonly time: string;
  readonly slot: string;
  readonly model: string;
  readonly role: string;
  readonly correlationId: string | null;
  /** Index of what was said; the model's manifest has the words. */
  readonly label: number;
  readonly score: number;
  readonly latencyUs: number;
  readonly health: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly propensity: number;
  readonly explored: boolean;
  /** Share of its like that a full store kept: each stands for 1 / keptShare of them. */
  readonly keptShare: number;
  /** What the part really was, by the evidence that stands; null: not known. */
  readonly truth: number | null;
  readonly truthKind: 'explicit' | 'implicit' | null;
  readonly truthRule: string | null;
  readonly truthEvidence: string | null;
  readonly features: readonly number[] | null;
}

type Row = [
  ...[seq: number, timeMs: number, correlationId: string | null, label: number, score: number],
  ...[latencyUs: number, health: number, features: Buffer | null],
  ...[
    run: string,
    slot: string,
    model: string,
    role: number,
    tags: string,
    propensity: number,
    explored: number,
    keptShare: number,
  ],
  ...[explicit: number | null, truth: number | null, rule: string | null, evidence: string | null],
];

const COLUMNS = [
  ...([
    'id',
    'time',
    'slot',
    'model',
    'role',
    'correlationId',
    'label',
    'score',
    'latencyUs',
    'health',
  ] as const),
  ...([
    'tags',
    'propensity',
    'explored',
    'truth',
    'truthKind',
    'truthRule',
    'truthEvidence',
    'features',
  ] as const),
] satisfies readonly (keyof Exported)[];

// A shadow's truth is that of the prediction that it looked on at. Rows that do not hold what was written are left out.
const sqlOf = (sqlite: Sqlite) => `
  SELECT p.seq, p.time_ms, p.correlation_id, p.label, p.score, p.latency_us, p.health & ${INPUT_HEALTH_BITS}, p.features,
    c.run, c.slot, c.model, c.role, c.tags, c.propensity, c.explored, c.kept_share, f.explicit, f.label, f.rule, f.evidence
  FROM (SELECT * FROM predictions WHERE ${takenSql(sqlite, 'predictions')}) p JOIN contexts c ON c.id = p.context
  LEFT JOIN (SELECT * FROM feedback WHERE stands > 0 AND ${takenSql(sqlite, 'feedback')}) f
    ON f.prediction_seq = p.seq - p.pair_distance
  WHERE (@slot IS NULL OR c.slot = @slot) AND p.time_ms >= @sinceMs ORDER BY p.seq`;

const WRITE_BYTES = 256 * 1024;
const TELL_EVERY_ROWS = 10_000;

/**
 * @returns rows written
 * @throws CodedError OUTPUT_EXISTS; errors of the disk; then no file is left behind
 */
export function exportPredictions(sqlite: Sqlite, query: ExportQuery, file: ExportFile): number {
  const { path, format, replace, onProgress } = file;
  if (!replace && existsSync(path)) {
    throw cliError('OUTPUT_EXISTS', `${path} is there already.`, {
      hint: 'Choose another name, or add --replace.',
    });
  }
  const part = `${path}.part`;
  const fd = openSync(part, 'w', 0o600);
  let rows = 0;
  let text = format === 'csv' ? `${COLUMNS.join(',')}\n` : '';
  const flush = () => {
    writeSync(fd, text);
    text = '';
  };
  try {
    const bound = { slot: query.slot ?? null, sinceMs: query.sinceMs ?? 0 };
    for (const row of sqlite.prepare<[typeof bound], Row>(sqlOf(sqlite)).raw().iterate(bound)) {
      const exported = exportedOf(row);
      text += format === 'csv' ? csvLine(exported) : `${JSON.stringify(exported)}\n`;
      rows += 1;
      if (text.length > WRITE_BYTES) flush();
      if (rows % TELL_EVERY_ROWS === 0) onProgress(rows);
    }
    flush();
    fsyncSync(fd);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(part, path);
  return rows;
}

function exportedOf(row: Row): Exported {
  const [seq, timeMs, correlationId, label, score, latencyUs, health, features, ...context] = row;
  const [run, slot, model, role, tags, propensity, explored, keptShare, explicit, truth, rule, evidence] =
    context;
  return {
    ...{ id: predictionId(run, seq), time: new Date(timeMs).toISOString(), slot, model },
    ...{ role: ROLES[role] ?? String(role), correlationId, label, score, latencyUs, health },
    ...{ tags: JSON.parse(tags) as Record<string, string>, propensity, explored: explored === 1, keptShare },
    truth,
    truthKind: explicit === null ? null : explicit === 1 ? 'explicit' : 'implicit',
    truthRule: rule,
    truthEvidence: evidence,
    features: features && floatsOf(features),
  };
}

function floatsOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
}

function csvLine(exported: Exported): string {
  const cells = COLUMNS.map((column) => {
    const value = exported[column];
    if (value === null) return '';
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(',')}\n`;
}
