/** What the server remembers of MLflow: which alias moves it has dealt with, and what MLflow has yet to be told. */

import type { OutcomeCount } from '../../protocol/evidence/outcome-count.ts';
import { type RolloutDecision, rolloutDecisionSchema } from '../rollouts/rollout.ts';
import type { Sqlite, Statement } from './database.ts';

export interface SeenAlias {
  /** Of the registered model in MLflow. */
  readonly version: number;
  /** `starting` is written before a rollout is started, `done` when there is nothing left to do. */
  readonly state: 'starting' | 'done';
  readonly timeMs: number;
}

export interface NumberedDecision {
  readonly id: number;
  readonly rolloutId: string;
  /** 1 for the rollout's first. */
  readonly number: number;
  readonly decision: RolloutDecision;
}

export interface Waiting {
  readonly id: number;
  readonly message: string;
}

/** Records of one device database that came on one day. */
export interface DayOfEpoch {
  readonly epochId: number;
  readonly afterSeq: number;
  readonly lastSeq: number;
}

type CursorName = 'decisions' | 'days';

export class MlflowTable {
  readonly #seen: Statement<[string], SeenAlias>;
  readonly #see: Statement<[string, number, string, number]>;
  readonly #cursor: Statement<[string], number>;
  readonly #moveCursor: Statement<[string, number]>;
  readonly #add: Statement<[string]>;
  readonly #waiting: Statement<[number], Waiting>;
  readonly #count: Statement<[], number>;
  readonly #remove: Statement<[number]>;
  readonly #decisions: Statement<
    [number, number],
    { id: number; rolloutId: string; number: number; text: string }
  >;
  readonly #days: Statement<[number, number], number>;
  readonly #epochs: Statement<[{ day: number }], DayOfEpoch>;
  readonly #predictions: Statement<[DayOfEpoch & { model: string }], number>;
  readonly #outcomes: Statement<[DayOfEpoch & { model: string }], OutcomeCount>;

  constructor(sqlite: Sqlite) {
    this.#seen = sqlite.prepare(
      'SELECT version, state, time_ms AS timeMs FROM mlflow_aliases WHERE model = ?',
    );
    this.#see = sqlite.prepare(
      'INSERT OR REPLACE INTO mlflow_aliases (model, version, state, time_ms) VALUES (?, ?, ?, ?)',
    );
    this.#cursor = sqlite
      .prepare<[string], number>('SELECT position FROM mlflow_cursors WHERE name = ?')
      .pluck();
    this.#moveCursor = sqlite.prepare('INSERT OR REPLACE INTO mlflow_cursors (name, position) VALUES (?, ?)');
    this.#add = sqlite.prepare('INSERT INTO mlflow_outbox (message) VALUES (?)');
    this.#waiting = sqlite.prepare('SELECT id, message FROM mlflow_outbox ORDER BY id LIMIT ?');
    this.#count = sqlite.prepare<[], number>('SELECT count(*) FROM mlflow_outbox').pluck();
    this.#remove = sqlite.prepare('DELETE FROM mlflow_outbox WHERE id = ?');
    this.#decisions = sqlite.prepare(
      `SELECT id, rollout_id AS rolloutId, decision AS text,
         (SELECT count(*) FROM rollout_decisions AS before
          WHERE before.rollout_id = rollout_decisions.rollout_id AND before.id <= rollout_decisions.id) AS number
       FROM rollout_decisions WHERE id > ? ORDER BY id LIMIT ?`,
    );
    this.#days = sqlite
      .prepare<[number, number], number>(
        `SELECT DISTINCT day FROM arrivals WHERE stream = 'predictions' AND day > ? AND day < ? ORDER BY day`,
      )
      .pluck();
    this.#epochs = sqlite.prepare(
      `SELECT epoch_id AS epochId, last_seq AS lastSeq, coalesce((
           SELECT max(last_seq) FROM arrivals AS before
           WHERE before.epoch_id = arrivals.epoch_id AND before.stream = 'predictions' AND before.day < @day
         ), 0) AS afterSeq
       FROM arrivals WHERE stream = 'predictions' AND day = @day`,
    );
    const decided = `FROM predictions AS p JOIN contexts AS c ON c.id = p.context_id %JOIN% WHERE p.epoch_id = @epochId AND p.seq > @afterSeq AND p.seq <= @lastSeq
      AND c.model = @model AND c.role <> 'shadow'`;
    this.#predictions = sqlite
      .prepare<[DayOfEpoch & { model: string }], number>(
        `SELECT coalesce(round(sum(1 / kept_share)), 0) ${decided.replace('%JOIN%', '')}`,
      )
      .pluck();
    this.#outcomes = sqlite.prepare(
      `SELECT l.label AS truth, p.label AS said, l.weight AS weight, 1 AS propensity, kept_share AS keptShare, count(*) AS count
       ${decided.replace('%JOIN%', 'JOIN labels AS l ON l.epoch_id = p.epoch_id AND l.prediction_seq = p.seq')}
       GROUP BY truth, said, weight, keptShare`,
    );
  }

  /** @param model our name */
  seen(model: string): SeenAlias | undefined {
    return this.#seen.get(model);
  }

  see(model: string, { version, state, timeMs }: SeenAlias): void {
    this.#see.run(model, version, state, timeMs);
  }

  /** Everything up to here is in the outbox, or was; 0 at first. */
  cursor(name: CursorName): number {
    return this.#cursor.get(name) ?? 0;
  }

  /** Call inside the transaction that adds what is new. */
  moveCursor(name: CursorName, position: number): void {
    this.#moveCursor.run(name, position);
  }

  add(message: string): void {
    this.#add.run(message);
  }

  /** The oldest. */
  waiting(limit: number): Waiting[] {
    return this.#waiting.all(limit);
  }

  get waitingCount(): number {
    return this.#count.get() ?? 0;
  }

  remove(id: number): void {
    this.#remove.run(id);
  }

  decisionsAfter(id: number, limit: number): NumberedDecision[] {
    return this.#decisions.all(id, limit).map(({ text, ...row }) => ({
      ...row,
      decision: rolloutDecisionSchema.parse(JSON.parse(text)),
    }));
  }

  /** Days of the server's clock (since 1970) on which predictions came. */
  daysBetween(after: number, before: number): number[] {
    return this.#days.all(after, before);
  }

  epochsOf(day: number): DayOfEpoch[] {
    return this.#epochs.all({ day });
  }

  /** How often the model decided; what a full device could not keep is estimated from what it kept. */
  predictions(of: DayOfEpoch, model: string): number {
    return this.#predictions.get({ ...of, model }) ?? 0;
  }

  /** What the model decided where the truth is known: `champion` and `challenger` are both the model. */
  outcomes(of: DayOfEpoch, model: string): OutcomeCount[] {
    return this.#outcomes.all({ ...of, model });
  }
}
