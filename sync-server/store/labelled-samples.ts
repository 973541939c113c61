/** Predictions with the label in force, in the order of their key, a page at a time: what a training set is made of. */
import { DEFAULT_PRECEDENCE, type Role } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';

export interface LabelledSample {
  readonly device: string;
  /** 16 hex digits. */
  readonly storeEpoch: string;
  readonly seq: number;
  readonly run: string;
  /** Device's wall clock. */
  readonly timeMs: number;
  readonly model: string;
  readonly role: Role;
  readonly correlationId: string | null;
  /** Index of the label that the model said. */
  readonly said: number;
  readonly score: number;
  readonly health: number;
  /** The input row; null where it did not leave the device. */
  readonly features: number[] | null;
  /** Index of the true label. */
  readonly label: number;
  readonly weight: number;
  readonly kind: 'explicit' | 'implicit';
  /** Null once the feedback record itself was deleted. */
  readonly rule: string | null;
  readonly evidence: string | null;
  /** When the label was concluded, by the device's clock. */
  readonly labelledMs: number;
  readonly precedence: number;
  readonly tags: Record<string, string>;
  /** Chance that the truth of this prediction could be seen, (0, 1]. */
  readonly propensity: number;
  readonly explored: boolean;
  /** Chance that a full device kept it, (0, 1]. */
  readonly keptShare: number;
}

/** Of a label: the page goes on behind it. */
export interface LabelKey {
  readonly epochId: number;
  readonly seq: number;
}

export interface SamplePage {
  readonly samples: LabelledSample[];
  /** Labels of the slot whose prediction was dropped, or has not come yet. */
  readonly withoutPrediction: number;
  /** Null when nothing is left. */
  readonly next: LabelKey | null;
}

export interface SampleQuery {
  readonly slot: string;
  /** sha256 of the manifest; null: of all. */
  readonly model: string | null;
  /** Of the prediction, both ends included. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

interface Row extends Omit<LabelledSample, 'features' | 'run' | 'tags' | 'explored' | 'precedence'> {
  /** Null when the prediction is not here. */
  readonly run: string | null;
  readonly features: Buffer | null;
  readonly precedence: number | null;
  readonly tags: string;
  readonly explored: number;
}

type Part = SampleQuery & LabelKey & { labels: number };

export class LabelledSamples {
  readonly #models: Statement<[string], string>;
  readonly #tagKeys: Statement<[string], string>;
  readonly #end: Statement<[number, number, number], LabelKey>;
  readonly #rows: Statement<[Part], Row>;

  constructor(sqlite: Sqlite) {
    this.#models = sqlite
      .prepare<[string], string>('SELECT model FROM contexts WHERE slot = ? GROUP BY model ORDER BY min(id)')
      .pluck();
    this.#tagKeys = sqlite
      .prepare<[string], string>(
        'SELECT DISTINCT key FROM contexts, json_each(contexts.tags) WHERE slot = ? ORDER BY key',
      )
      .pluck();
    this.#end = sqlite.prepare(
      `SELECT epoch_id AS epochId, prediction_seq AS seq FROM labels
       WHERE (epoch_id, prediction_seq) > (?, ?) ORDER BY epoch_id, prediction_seq LIMIT 1 OFFSET ?`,
    );
    this.#rows = sqlite.prepare(
      `WITH l AS MATERIALIZED (
         SELECT * FROM labels WHERE (epoch_id, prediction_seq) > (@epochId, @seq)
         ORDER BY epoch_id, prediction_seq LIMIT @labels
       )
       SELECT e.device, e.epoch AS storeEpoch, l.prediction_seq AS seq, c.run, p.time_ms AS timeMs, c.model, c.role,
         p.correlation_id AS correlationId, p.label AS said, p.score, p.health, p.features,
         l.label, l.weight, l.kind, f.rule, f.evidence, f.precedence, l.time_ms AS labelledMs,
         c.tags, c.propensity, c.explored, c.kept_share AS keptShare
       FROM l
       JOIN epochs AS e ON e.id = l.epoch_id
       LEFT JOIN predictions AS p ON p.epoch_id = l.epoch_id AND p.seq = l.prediction_seq
       LEFT JOIN contexts AS c ON c.id = p.context_id
       LEFT JOIN feedback AS f ON f.epoch_id = coalesce(l.feedback_epoch_id, l.epoch_id) AND f.seq = l.feedback_seq
       WHERE coalesce(c.slot, f.slot) = @slot
         AND (c.id IS NULL OR (p.time_ms BETWEEN @sinceMs AND @untilMs AND (@model IS NULL OR c.model = @model)))
       ORDER BY l.epoch_id, l.prediction_seq`,
    );
  }

  /** What ever spoke in the slot, the first first. */
  about(slot: string): { models: string[]; tagKeys: string[] } {
    return { models: this.#models.all(slot), tagKeys: this.#tagKeys.all(slot) };
  }

  /** @param labels looked at, of all slots: bounds how long the call takes, and how many samples it returns */
  page(query: SampleQuery, after: LabelKey | null, labels: number): SamplePage {
    const from = after ?? { epochId: 0, seq: 0 };
    const next = this.#end.get(from.epochId, from.seq, labels - 1) ?? null;
    const rows = this.#rows.all({ ...query, ...from, labels });
    const samples = rows.flatMap(sampleOf);
    return { samples, withoutPrediction: rows.length - samples.length, next };
  }
}

function sampleOf({ run, features, precedence, tags, explored, ...row }: Row): LabelledSample[] {
  if (run === null) return [];
  const values = features && floatsOf(features);
  const told = {
    precedence: precedence ?? DEFAULT_PRECEDENCE,
    tags: JSON.parse(tags),
    explored: explored === 1,
  };
  return [{ ...row, run, features: values, ...told }];
}

/** Little-endian float32, one after the other. */
function floatsOf(blob: Buffer): number[] {
  return Array.from({ length: blob.length / 4 }, (_, i) => blob.readFloatLE(4 * i));
}
