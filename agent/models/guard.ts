/** Watches how one model does in one slot: whether its probation is done, and whether a guardrail is broken. Pure. */
import type { SlotConfig } from '../config/schema.ts';

export type Verdict = { kind: 'wait' } | { kind: 'commit' } | { kind: 'fail'; reason: string };

const WAIT: Verdict = { kind: 'wait' };
/** A committed model goes when it fails this often with no success between. */
const FAILURES_IN_A_ROW = 10;
/** Deaths of the engine within `DEATHS_MS` that someone outside caused (or the kernel, for lack of memory). */
const KILLS = 3;
const DEATHS_MS = 60_000;

export class Guard {
  readonly #limits: SlotConfig['probation'];
  readonly #sinceMs: number;
  #seen = 0;
  #errors = 0;
  #errorsInARow = 0;
  #deathsMs: number[] = [];
  #fatal: string | undefined;

  /** @param nowMs monotonic */
  constructor(limits: SlotConfig['probation'], nowMs: number) {
    this.#limits = limits;
    this.#sinceMs = nowMs;
  }

  observe(outcome: 'ok' | 'error', count: number): void {
    this.#seen += count;
    if (outcome === 'ok') {
      this.#errorsInARow = 0;
      return;
    }
    this.#errors += count;
    this.#errorsInARow += count;
  }

  /** The engine died while it worked for this model. A crash or a hang is the model's; a kill may be anybody's. */
  engineDied(cause: 'crash' | 'killed' | 'hang', nowMs: number): void {
    this.#deathsMs = [...this.#deathsMs.filter((ms) => nowMs - ms <= DEATHS_MS), nowMs];
    if (cause === 'crash') this.#fatal = 'the engine crashed while it ran this model';
    if (cause === 'hang') this.#fatal = 'the engine hung while it ran this model';
    if (this.#deathsMs.length >= KILLS) this.#fatal = `the engine died ${KILLS} times within a minute`;
  }

  /** For a champion on probation, or a challenger (which ignores `commit`). */
  trialVerdict(nowMs: number): Verdict {
    if (this.#fatal) return { kind: 'fail', reason: this.#fatal };
    const { predictions, forMs, maxErrorRate } = this.#limits;
    // Judged as if the probation were full already: one error in the first three samples is no reason to go back.
    if (this.#errors > maxErrorRate * Math.max(this.#seen, predictions)) {
      return { kind: 'fail', reason: `${this.#errors} errors in ${this.#seen} predictions` };
    }
    return this.#seen >= predictions && nowMs - this.#sinceMs >= forMs ? { kind: 'commit' } : WAIT;
  }

  /** For a committed champion. */
  steadyVerdict(): Verdict {
    if (this.#fatal) return { kind: 'fail', reason: this.#fatal };
    if (this.#errorsInARow < FAILURES_IN_A_ROW) return WAIT;
    return { kind: 'fail', reason: `${this.#errorsInARow} errors in a row` };
  }
}
