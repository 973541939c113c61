/** How long one goes on waiting: as long as there is news, within reason. Pure: time comes in as an argument. */

/** News may come for ever, and the end never: this many times the patience is enough. */
const MOST_PATIENCES = 5;

export class Patience {
  readonly #patienceMs: number;
  readonly #begunMs: number;
  #newsMs: number;
  #words = '';

  /** @param patienceMs how long there may be nothing new */
  constructor(patienceMs: number, nowMs: number) {
    this.#patienceMs = patienceMs;
    this.#begunMs = nowMs;
    this.#newsMs = nowMs;
  }

  /** What was seen last. */
  get words(): string {
    return this.#words;
  }

  /** Other words than before are news. */
  sees(words: string, nowMs: number): void {
    if (words !== this.#words) this.#newsMs = nowMs;
    this.#words = words;
  }

  /** Since the last news. */
  stillMs(nowMs: number): number {
    return nowMs - this.#newsMs;
  }

  waitedMs(nowMs: number): number {
    return nowMs - this.#begunMs;
  }

  isOver(nowMs: number): boolean {
    return (
      this.stillMs(nowMs) >= this.#patienceMs || this.waitedMs(nowMs) >= MOST_PATIENCES * this.#patienceMs
    );
  }
}
