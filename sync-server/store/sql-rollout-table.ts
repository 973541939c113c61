/** Rollouts and their decisions, as JSON rows. */
import {
  type Rollout,
  type RolloutDecision,
  rolloutDecisionSchema,
  rolloutSchema,
} from '../rollouts/rollout.ts';
import type { RolloutTable } from '../rollouts/rollout-table.ts';
import type { Sqlite, Statement } from './database.ts';

export class SqlRolloutTable implements RolloutTable {
  readonly #save: Statement<[string, number, string]>;
  readonly #all: Statement<[], { rollout: string }>;
  readonly #append: Statement<[string, string]>;
  readonly #decisions: Statement<[string, number], { decision: string }>;

  constructor(sqlite: Sqlite) {
    this.#save = sqlite.prepare(
      'INSERT OR REPLACE INTO rollouts (id, started_at_ms, rollout) VALUES (?, ?, ?)',
    );
    this.#all = sqlite.prepare('SELECT rollout FROM rollouts ORDER BY started_at_ms, id');
    this.#append = sqlite.prepare('INSERT INTO rollout_decisions (rollout_id, decision) VALUES (?, ?)');
    this.#decisions = sqlite.prepare(
      'SELECT decision FROM rollout_decisions WHERE rollout_id = ? ORDER BY id DESC LIMIT ?',
    );
  }

  save(rollout: Rollout): void {
    this.#save.run(rollout.id, rollout.startedAtMs, JSON.stringify(rollout));
  }

  all(): Rollout[] {
    return this.#all.all().map((row) => rolloutSchema.parse(JSON.parse(row.rollout)));
  }

  appendDecision(rolloutId: string, decision: RolloutDecision): void {
    this.#append.run(rolloutId, JSON.stringify(decision));
  }

  decisions(rolloutId: string, limit: number): RolloutDecision[] {
    return this.#decisions
      .all(rolloutId, limit)
      .map((row) => rolloutDecisionSchema.parse(JSON.parse(row.decision)));
  }
}
