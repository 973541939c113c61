/** How the models of a slot do: what is observed goes to their guards, and what the guards find changes the slot's row. */

import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { Outcome } from './guard.ts';
import { Guards } from './guards.ts';
import { wordsOf } from './model-events.ts';
import { ShadowRun } from './shadow-run.ts';
import type { SlotRow } from './slot-row.ts';
import { EMPTY_SLOT, onTrial, type SlotState } from './slot-state.ts';

/** With a newcomer at work and more starts of the agent than this in a row, it is taken to be their cause. */
const BOOT_LOOP_STARTS = 3;
/** An agent that has run for this long is in no boot loop. */
const CALM_MS = 5 * 60_000;

export interface SlotWatchDeps {
  readonly config: Pick<SlotConfig, 'budget' | 'selfTest' | 'probation'>;
  readonly row: Pick<SlotRow, 'state' | 'apply'>;
  readonly titleOf: (model: string) => string;
  readonly counters: Counters;
  readonly problem: (code: string, words: string) => void;
  /** The row may have changed by a verdict: there may be something to do. */
  readonly onJudged: () => void;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export class SlotWatch {
  /** A newcomer that looks on, and is judged like one that works. */
  readonly shadow: ShadowRun;
  readonly #deps: SlotWatchDeps;
  readonly #guards: Guards;
  /** Null once the agent has run long enough. */
  #startedMs: number | null = null;
  /** The last model that failed with none to go back to: one line says so, however long it goes on. */
  #stuckWith: string | undefined;

  constructor(deps: SlotWatchDeps) {
    this.#deps = deps;
    this.#guards = new Guards(deps.config, deps.nowMs);
    this.shadow = new ShadowRun(deps.config.selfTest.shadowForMs, deps.nowMs);
  }

  /** Watches what the row names; a newcomer that a boot loop began with is given up. */
  start(): void {
    const { row, nowMs } = this.#deps;
    this.#startedMs = nowMs();
    this.#guards.follow(EMPTY_SLOT, row.state);
    this.#endBootLoop();
  }

  /** The row went from one state to the other. */
  follow(before: SlotState, after: SlotState): void {
    this.#guards.follow(before, after);
  }

  observe(model: string, outcome: Outcome, count: number, computeUs?: number): void {
    this.#guards.observe(model, outcome, count, computeUs);
    this.#judge(model);
  }

  engineDied(model: string, cause: 'crash' | 'killed' | 'hang'): void {
    this.#guards.engineDied(model, cause);
    this.#judge(model);
  }

  /** Probations and shadow runs end by time too. */
  tick(): void {
    const { row, nowMs } = this.#deps;
    if (this.#startedMs !== null && nowMs() - this.#startedMs >= CALM_MS) {
      this.#startedMs = null;
      row.apply({ kind: 'calm' });
    }
    if (row.state.champion && onTrial(row.state)) this.#judge(row.state.champion);
    if (this.shadow.model) this.#judge(this.shadow.model);
  }

  /** The last good model takes its place; where there is none it stays, and is watched anew. */
  fail(model: string, reason: string): void {
    const { row, titleOf, counters, problem } = this.#deps;
    const before = row.state;
    row.apply({ kind: 'failed', model, reason });
    if (row.state !== before) return;
    this.#guards.renew(model);
    const words = `${titleOf(model)} fails and there is no model to go back to: ${reason}`;
    if (this.#stuckWith === model) counters.add('MODEL_NOT_ACTIVE');
    else problem('MODEL_NOT_ACTIVE', words);
    this.#stuckWith = model;
  }

  #endBootLoop(): void {
    const { state } = this.#deps.row;
    const { champion, challenger, trialStarts } = state;
    const suspect = onTrial(state) ? champion : challenger?.model;
    if (!suspect || trialStarts <= BOOT_LOOP_STARTS) return;
    this.fail(suspect, `the agent started ${trialStarts} times in a row while it was tried`);
  }

  #judge(model: string): void {
    const { row, titleOf, problem, onJudged } = this.#deps;
    const verdict = this.#guards.verdict(row.state, model);
    if (model === this.shadow.model) {
      this.shadow.judge(verdict);
      return;
    }
    if (verdict.kind === 'wait') return;
    try {
      if (verdict.kind === 'fail') this.fail(model, verdict.reason);
      else row.apply({ kind: 'commit' });
    } catch (error) {
      // The next look at the guard tries again.
      problem(codeOf(error), `cannot commit ${titleOf(model)}: ${wordsOf(error)}`);
    }
    onJudged();
  }
}
