/** The guards of one slot: one for each model that works there, a fresh one when its job changes. */
import type { SlotConfig } from '../config/schema.ts';
import { Guard, type Verdict } from './guard.ts';
import { onTrial, type SlotState } from './transitions.ts';

export class Guards {
  readonly #limits: SlotConfig['probation'];
  readonly #nowMs: () => number;
  readonly #guards = new Map<string, Guard>();

  /** @param nowMs monotonic */
  constructor(limits: SlotConfig['probation'], nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  follow(before: SlotState, after: SlotState): void {
    const { champion, challenger } = after;
    for (const model of this.#guards.keys()) {
      if (model !== champion && model !== challenger?.model) this.#guards.delete(model);
    }
    const committed = onTrial(before) && !onTrial(after);
    if (champion && (champion !== before.champion || committed)) this.#guards.delete(champion);
    for (const model of [champion, challenger?.model]) {
      if (model && !this.#guards.has(model)) this.renew(model);
    }
  }

  renew(model: string): void {
    this.#guards.set(model, new Guard(this.#limits, this.#nowMs()));
  }

  observe(model: string, outcome: 'ok' | 'error', count: number): void {
    this.#guards.get(model)?.observe(outcome, count);
  }

  engineDied(model: string, cause: 'crash' | 'killed' | 'hang'): void {
    this.#guards.get(model)?.engineDied(cause, this.#nowMs());
  }

  verdict(state: SlotState, model: string): Verdict {
    const guard = this.#guards.get(model);
    if (!guard) return { kind: 'wait' };
    if (model !== state.champion) {
      const verdict = guard.trialVerdict(this.#nowMs());
      // A challenger is never committed by itself: the server promotes it.
      return verdict.kind === 'commit' ? { kind: 'wait' } : verdict;
    }
    return onTrial(state) ? guard.trialVerdict(this.#nowMs()) : guard.steadyVerdict();
  }
}
