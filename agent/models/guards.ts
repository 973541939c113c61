/** The guards of one slot: one for each model that works or looks on there, a fresh one when its job changes. */
import type { SlotConfig } from '../config/schema.ts';
import { Guard, type GuardLimits, type Outcome, type Verdict } from './guard.ts';
import { onTrial, type SlotState } from './slot-state.ts';

export class Guards {
  readonly #limits: GuardLimits;
  /** Of a newcomer that looks on before it may decide. */
  readonly #shadowLimits: GuardLimits;
  readonly #nowMs: () => number;
  readonly #guards = new Map<string, Guard>();

  /** @param nowMs monotonic */
  constructor(config: Pick<SlotConfig, 'probation' | 'budget' | 'selfTest'>, nowMs: () => number) {
    this.#limits = { ...config.probation, latencyP99Ms: config.budget.latencyP99Ms };
    this.#shadowLimits = { ...this.#limits, predictions: config.selfTest.shadowSamples, forMs: 0 };
    this.#nowMs = nowMs;
  }

  follow(before: SlotState, after: SlotState): void {
    const { champion } = after;
    const beforeMs = this.#guards.get(before.champion ?? '')?.medianMs() ?? null;
    const looksOn = shadowOf(after);
    const watched = [champion, after.challenger?.model, looksOn];
    for (const model of this.#guards.keys()) {
      if (!watched.includes(model)) this.#guards.delete(model);
    }
    const committed = onTrial(before) && !onTrial(after);
    if (champion && (champion !== before.champion || committed)) this.#guards.delete(champion);
    for (const model of [champion, after.challenger?.model]) {
      if (model && !this.#guards.has(model)) this.renew(model, model === champion ? beforeMs : null);
    }
    if (looksOn && looksOn !== shadowOf(before)) {
      this.#guards.set(looksOn, new Guard(this.#shadowLimits, this.#nowMs(), beforeMs));
    }
  }

  renew(model: string, beforeMs: number | null = null): void {
    this.#guards.set(model, new Guard(this.#limits, this.#nowMs(), beforeMs));
  }

  observe(model: string, outcome: Outcome, count: number, computeUs?: number): void {
    this.#guards.get(model)?.observe(outcome, count, computeUs);
  }

  engineDied(model: string, cause: 'crash' | 'killed' | 'hang'): void {
    this.#guards.get(model)?.engineDied(cause, this.#nowMs());
  }

  verdict(state: SlotState, model: string): Verdict {
    const guard = this.#guards.get(model);
    if (!guard) return { kind: 'wait' };
    if (model === state.champion) {
      return onTrial(state) ? guard.trialVerdict(this.#nowMs()) : guard.steadyVerdict();
    }
    const verdict = guard.trialVerdict(this.#nowMs());
    if (model === shadowOf(state)) return verdict;
    // A challenger is never committed by itself: the server promotes it.
    return verdict.kind === 'commit' ? { kind: 'wait' } : verdict;
  }
}

function shadowOf(state: SlotState): string | null {
  return state.step?.state === 'shadow' ? state.step.model : null;
}
