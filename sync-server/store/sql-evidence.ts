/** The evidence of a rollout by SQL: pairs of champion and challenger on labelled samples, and what went wrong on devices. */
import type { InstallState } from '../../protocol/messages.ts';
import type { EvidenceSource, Guardrails, SeenPairCount } from '../rollouts/evidence-source.ts';
import type { Sqlite, Statement } from './database.ts';
import { minuteOf } from './minute-counts.ts';

interface PairQuery {
  slot: string;
  champion: string;
  challenger: string;
  sinceMs: number;
}

/** What began to drift longer before a rollout and never calmed down is how that line is by now. */
const DRIFT_BEFORE_MS = 7 * 86_400_000;

type PairRow = Omit<SeenPairCount, 'explored'> & { readonly explored: number };

interface FailureRow {
  device: string;
  state: InstallState;
  reason: string | null;
}

/**
 * Shadows of one model, each with the label of its sample and the deciding prediction by the other model.
 * The order of the joins is fixed: shadows by their index, then two look-ups by primary key.
 */
function shadowsOf(shadow: 'champion' | 'challenger', decider: 'champion' | 'challenger'): string {
  return `
    SELECT l.label AS truth, d.label AS ${decider}, s.label AS ${shadow}, l.weight AS weight,
      s.epoch_id AS epoch_id, s.time_ms AS sampled_ms, l.time_ms AS labelled_ms, l.kind AS kind,
      c.propensity AS propensity, c.explored AS explored, c.kept_share AS keptShare
    FROM predictions AS s
    CROSS JOIN labels AS l ON l.epoch_id = s.epoch_id AND l.prediction_seq = s.pair_of
    CROSS JOIN predictions AS d ON d.epoch_id = s.epoch_id AND d.seq = s.pair_of
    CROSS JOIN contexts AS c ON c.id = d.context_id
    WHERE s.pair_of > 0 AND s.time_ms > @sinceMs
      AND s.context_id IN (SELECT id FROM contexts WHERE slot = @slot AND model = @${shadow} AND role = 'shadow')
      AND c.slot = @slot AND c.model = @${decider} AND c.role <> 'shadow'`;
}

/**
 * Up to which sample the labels of each device are complete. "Failed" is known sooner than "nothing happened", so the
 * newest samples would show too many failures: only those count that are older than the wait for a label. How long its
 * rules wait for "nothing happened" the device says; where it does not, the third quartile of the labels' waits must do,
 * which is too short until the first such label is there. Longer waits, of labels made up for after a standstill, must
 * not hold back all others. Feedback comes in order: what a device concluded before its newest label is here.
 */
const MATURE = `
  waits AS (SELECT labelled_ms - sampled_ms AS wait_ms FROM pairs WHERE kind = 'implicit'),
  usual AS (
    SELECT wait_ms FROM waits ORDER BY wait_ms LIMIT 1 OFFSET (SELECT count(*) * 3 / 4 FROM waits)
  ),
  mature AS (
    SELECT epoch_id, max(labelled_ms) - max(
      coalesce((SELECT wait_ms FROM usual), 0),
      coalesce((
        SELECT reported -> 'slots' -> @slot ->> 'labelsAfterMs'
        FROM epochs JOIN devices ON devices.id = epochs.device WHERE epochs.id = epoch_id
      ), 0)
    ) AS until_ms
    FROM pairs GROUP BY epoch_id
  )`;

export class SqlEvidence implements EvidenceSource {
  readonly #pairs: Statement<[PairQuery], PairRow>;
  readonly #predictions: Statement<[string, string, number], { count: number }>;
  readonly #drifting: Statement<[string, number], { device: string; feature: string }>;
  readonly #failures: Statement<[{ slot: string; challenger: string }], FailureRow>;

  constructor(sqlite: Sqlite) {
    this.#pairs = sqlite.prepare(
      `WITH pairs AS MATERIALIZED (
         ${shadowsOf('challenger', 'champion')}
         UNION ALL
         SELECT truth, champion, challenger, weight, epoch_id, sampled_ms, labelled_ms, kind, propensity, explored, keptShare
         FROM (${shadowsOf('champion', 'challenger')})
       ),
       ${MATURE}
       SELECT truth, champion, challenger, weight, propensity, explored, keptShare, count(*) AS count
       FROM pairs JOIN mature USING (epoch_id) WHERE sampled_ms <= until_ms
       GROUP BY truth, champion, challenger, weight, propensity, explored, keptShare
       ORDER BY truth, champion, challenger, weight, propensity, explored, keptShare`,
    );
    this.#predictions = sqlite.prepare(
      `SELECT coalesce(round(sum(count / kept_share)), 0) AS count
       FROM contexts CROSS JOIN prediction_counts ON context_id = id
       WHERE slot = ? AND model = ? AND minute >= ?`,
    );
    // The last word of each device on each of its inputs: `max` decides which row the other columns are of.
    this.#drifting = sqlite.prepare(
      `SELECT device, feature FROM (
         SELECT device, data ->> 'feature' AS feature, data ->> 'drifting' AS drifting, max(time_ms)
         FROM events JOIN epochs ON epochs.id = epoch_id
         WHERE kind = 'drift' AND slot = ? AND time_ms > ? GROUP BY device, feature
       )
       WHERE drifting AND feature IS NOT NULL ORDER BY device, feature`,
    );
    // Only an answer to the newest desired state counts: an older one may tell of an earlier attempt.
    this.#failures = sqlite.prepare(
      `SELECT id AS device, install ->> 'state' AS state, install ->> 'reason' AS reason FROM (
         SELECT devices.id, generation, reported ->> 'generation' AS answered,
           reported -> 'slots' -> @slot -> 'install' AS install
         FROM devices JOIN desired_states ON device = devices.id WHERE reported IS NOT NULL
       )
       WHERE install ->> 'manifestSha256' = @challenger AND install ->> 'state' IN ('refused', 'rolled-back')
         AND answered >= generation
       ORDER BY id`,
    );
  }

  pairs(query: PairQuery): SeenPairCount[] {
    return this.#pairs.all(query).map((row) => ({ ...row, explored: row.explored === 1 }));
  }

  /** Also those that a full device did not keep. Predictions are counted in whole minutes: those of the minute of `sinceMs` count too. */
  guardrails({
    slot,
    challenger,
    sinceMs,
  }: {
    slot: string;
    challenger: string;
    sinceMs: number;
  }): Guardrails {
    const failures = this.#failures.all({ slot, challenger }).map(({ device, state, reason }) => ({
      device,
      reason: reason ?? (state === 'refused' ? 'refused without a reason' : 'rolled back without a reason'),
    }));
    return {
      predictions: this.#predictions.get(slot, challenger, minuteOf(sinceMs))?.count ?? 0,
      failures,
      drifting: this.#drifting.all(slot, sinceMs - DRIFT_BEFORE_MS),
    };
  }
}
