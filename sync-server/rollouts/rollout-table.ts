/** Where rollouts are kept. Every write is durable when it returns. */
import type { Rollout, RolloutDecision } from './rollout.ts';

export interface RolloutTable {
  /** Inserts, or replaces the row with the same id. */
  save(rollout: Rollout): void;
  /** Oldest first, by `startedAtMs`. */
  all(): Rollout[];
  appendDecision(rolloutId: string, decision: RolloutDecision): void;
  /** Newest first, at most `limit`. */
  decisions(rolloutId: string, limit: number): RolloutDecision[];
}
