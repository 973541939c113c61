/** Tells the story: one line a step, with the seconds since the start. */
export class Narrator {
  readonly #startedAt: number;
  readonly #write: (line: string) => void;
  #lastAt: number;

  constructor(write: (line: string) => void = console.log) {
    this.#startedAt = performance.now();
    this.#lastAt = this.#startedAt;
    this.#write = write;
  }

  say(text: string): void {
    this.#lastAt = performance.now();
    this.#write(`[${this.seconds().toFixed(1).padStart(6)} s] ${text}`);
  }

  /** Lines that stand by themselves, below each other. */
  show(...lines: string[]): void {
    this.#lastAt = performance.now();
    for (const line of lines) this.#write(line);
  }

  seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** How long ago the last line was. */
  quietMs(): number {
    return performance.now() - this.#lastAt;
  }
}
