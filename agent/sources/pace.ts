/** When a recorded row is due, so that a replay keeps the recording's own rhythm, `scale` times as fast. */
export class Pace {
  readonly #scale: number;
  #base: { recordedMs: number; dueUs: number } | undefined;
  #lastDueUs: number | undefined;

  constructor(scale: number) {
    this.#scale = scale;
  }

  /** The file begins again: its first row is due when the last one was. */
  restart(): void {
    this.#base = undefined;
  }

  /** Monotonic time at which the row is due. A row that is older than the one before it is due at once. */
  dueUs(recordedMs: number, nowUs: number): number {
    this.#base ??= { recordedMs, dueUs: this.#lastDueUs ?? nowUs };
    const dueUs = this.#base.dueUs + ((recordedMs - this.#base.recordedMs) * 1000) / this.#scale;
    this.#lastDueUs = Math.max(this.#lastDueUs ?? dueUs, dueUs);
    return dueUs;
  }
}
