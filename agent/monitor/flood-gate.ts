/** Lets through only the first of each second: what looks at samples for their kind need not see all of a flood. */
export class FloodGate {
  readonly #aSecond: number;
  /** Whole seconds of the monotonic clock. */
  #second = -1;
  #passed = 0;

  constructor(aSecond: number) {
    this.#aSecond = aSecond;
  }

  admits(monotonicUs: number): boolean {
    const second = Math.floor(monotonicUs / 1_000_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#passed = 0;
    }
    this.#passed += 1;
    return this.#passed <= this.#aSecond;
  }
}
