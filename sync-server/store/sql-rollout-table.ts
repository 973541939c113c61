/** Rollouts and their decisions, as JSON rows. */
import {
  isOpen,
  type Rollout,
  type RolloutDecision,
  rolloutDecisionSchema,
  rolloutSchema,
} from '../rollouts/rollout.ts';
import type { RolloutTable } from '../rollouts/rollout-table.ts';
import type { Sqlite, Statement } from './database.ts';

export class SqlRolloutTable implements RolloutTable {
  readonly #save: Statement<[string, number, string]>;
  readonly #all: Statement<[], { id: string; rollout: string }>;
  readonly #append: Statement<[string, string]>;
  readonly #decisions: Statement<[string, number], { decision: string }>;
  /** Over and settled, so nothing changes them: read once, because looks and pages ask all the time and the list only grows. */
  readonly #over = new Map<string, Rollout>();

  constructor(sqlite: Sqlite) {
    this.#save = sqlite.prepare(
      'INSERT OR REPLACE INTO rollouts (id, started_at_ms, rollout) VALUES (?, ?, ?)',
    );
    this.#all = sqlite.prepare('SELECT id, rollout FROM rollouts ORDER BY started_at_ms, id');
    this.#append = sqlite.prepare('INSERT INTO rollout_decisions (rollout_id, decision) VALUES (?, ?)');
    this.#decisions = sqlite.prepare(
      'SELECT decision FROM rollout_decisions WHERE rollout_id = ? ORDER BY id DESC LIMIT ?',
    );
  }

  save(rollout: Rollout): void {
    this.#over.delete(rollout.id);
    this.#save.run(rollout.id, rollout.startedAtMs, JSON.stringify(rollout));
  }

  all(): Rollout[] {
    return this.#all.all().map((row) => this.#over.get(row.id) ?? this.#read(row));
  }

  appendDecision(rolloutId: string, decision: RolloutDecision): void {
    this.#append.run(rolloutId, JSON.stringify(decision));
  }

  decisions(rolloutId: string, limit: number): RolloutDecision[] {
    return this.#decisions
      .all(rolloutId, limit)
      .map((row) => rolloutDecisionSchema.parse(JSON.parse(row.decision)));
  }

  #read(row: { id: string; rollout: string }): Rollout {
    const rollout = rolloutSchema.parse(JSON.parse(row.rollout));
    if (!isOpen(rollout) && rollout.settled) this.#over.set(row.id, rollout);
    return rollout;
  }
}
