/** Tells the story: one line a step, with the seconds since the start. */
export class Narrator {
  readonly #startedAt: number;
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void = console.log) {
    this.#startedAt = performance.now();
    this.#write = write;
  }

  say(text: string): void {
    this.#write(`[${this.seconds().toFixed(1).padStart(6)} s] ${text}`);
  }

  /** Lines that stand by themselves, below each other. */
  show(...lines: string[]): void {
    for (const line of lines) this.#write(line);
  }

  seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }
}
