/**
 * Decides for one model in one slot, and remembers what it said last: a decision with `release` holds on to an alarm.
 * The memory is of the slot, not of a part, in the order in which its samples are decided; a restart or a new model begins without an alarm.
 */
import type { Decision } from '../../protocol/manifest.ts';
import { type Decided, decide } from './decide.ts';

export class Decider {
  readonly #decision: Decision;
  #before: number;

  /** @param before the label that it goes on from */
  constructor(decision: Decision, before = 0) {
    this.#decision = decision;
    this.#before = before;
  }

  get lastLabel(): number {
    return this.#before;
  }

  /** @param output row-major */
  decide(output: Float32Array, row: number): Decided {
    const decided = decide(this.#decision, output, row, this.#before);
    this.#before = decided.label;
    return decided;
  }
}
