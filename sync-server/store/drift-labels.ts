/** Drift that devices told of, and how many labelled samples came since, counted without walking whole tables. */
import type { Sqlite, Statement } from './database.ts';

/** Notes looked at, the newest. */
const MAX_NOTES = 10_000;
/** Labels looked at a device database: some ten milliseconds. */
const MAX_LABELS = 5000;

/** A device said that a feature of a slot began to drift, or ended to. */
export interface DriftNote {
  readonly device: string;
  readonly timeMs: number;
  readonly slot: string;
  readonly feature: string;
  readonly drifting: boolean;
}

export interface LabelsSince {
  /** Samples predicted since then that have a label. */
  readonly labelled: number;
  readonly withFeatures: number;
}

interface NoteRow {
  device: string;
  timeMs: number;
  slot: string;
  feature: string;
  drifting: number;
}

export class DriftLabels {
  readonly #notes: Statement<[number, number], NoteRow>;
  readonly #epochs: Statement<[], { id: number; first: number; last: number }>;
  readonly #from: Statement<[number, number], { seq: number; timeMs: number }>;
  readonly #count: Statement<[{ epochId: number; seq: number; limit: number; slot: string }], LabelsSince>;

  constructor(sqlite: Sqlite) {
    this.#notes = sqlite.prepare(
      `SELECT device, time_ms AS timeMs, slot, coalesce(data ->> 'feature', 'its inputs') AS feature,
         severity <> 'info' AS drifting
       FROM (SELECT * FROM events WHERE kind = 'drift' AND slot IS NOT NULL AND time_ms >= ? ORDER BY time_ms DESC LIMIT ?)
       JOIN epochs ON epochs.id = epoch_id ORDER BY time_ms, seq`,
    );
    this.#epochs = sqlite.prepare(
      `SELECT id, (SELECT min(seq) FROM predictions WHERE epoch_id = id) AS first,
         (SELECT max(seq) FROM predictions WHERE epoch_id = id) AS last
       FROM epochs WHERE EXISTS (SELECT 1 FROM labels WHERE epoch_id = id) AND last IS NOT NULL`,
    );
    this.#from = sqlite.prepare(
      `SELECT seq, time_ms AS timeMs FROM predictions WHERE epoch_id = ? AND seq >= ? ORDER BY seq LIMIT 1`,
    );
    this.#count = sqlite.prepare(
      `SELECT count(*) AS labelled, count(features) AS withFeatures
       FROM (SELECT prediction_seq FROM labels WHERE epoch_id = @epochId AND prediction_seq >= @seq
             ORDER BY prediction_seq LIMIT @limit)
       CROSS JOIN predictions AS p ON p.epoch_id = @epochId AND p.seq = prediction_seq
       WHERE p.context_id IN (SELECT id FROM contexts WHERE slot = @slot)`,
    );
  }

  /** Oldest first. */
  notesSince(sinceMs: number): DriftNote[] {
    return this.#notes.all(sinceMs, MAX_NOTES).map((row) => ({ ...row, drifting: row.drifting === 1 }));
  }

  /** Samples of the slot that were predicted at or after a time and have a label; a few thousand a device are counted at most. */
  labelsSince(slot: string, sinceMs: number): LabelsSince {
    const total = { labelled: 0, withFeatures: 0 };
    for (const { id, first, last } of this.#epochs.all()) {
      const seq = this.#firstSince(id, first, last, sinceMs);
      const found = this.#count.get({ epochId: id, seq, limit: MAX_LABELS, slot });
      total.labelled += found?.labelled ?? 0;
      total.withFeatures += found?.withFeatures ?? 0;
    }
    return total;
  }

  /** By halving: a device gives out seqs in the order of time, but for a clock that was set. */
  #firstSince(epochId: number, first: number, last: number, sinceMs: number): number {
    let [low, high] = [first, last + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#from.get(epochId, middle);
      if (row === undefined || row.timeMs >= sinceMs) high = middle;
      else low = row.seq + 1;
    }
    return low;
  }
}
