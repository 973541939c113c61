/** A state that changes only when several verdicts in a row speak against it. */

/** Verdicts in a row. */
const IN_A_ROW = 2;
/** How far below its threshold a measure must fall to be calm again. */
const CALM = 0.8;

export class Hysteresis {
  #raised = false;
  #against = 0;

  get raised(): boolean {
    return this.#raised;
  }

  /** @param excess the measure over its threshold: more than 1 speaks for raised @returns whether the state changed */
  judge(excess: number): boolean {
    const against = this.#raised ? excess < CALM : excess > 1;
    this.#against = against ? this.#against + 1 : 0;
    if (this.#against < IN_A_ROW) return false;
    this.#raised = !this.#raised;
    this.#against = 0;
    return true;
  }
}
