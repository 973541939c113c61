/** How far a run is, for people: a bar that moves at a terminal, a plain line now and then elsewhere. */
import { count, duration, percent } from './words.ts';

const BAR_CELLS = 24;
const BAR_EVERY_MS = 200;
const LINE_EVERY_MS = 10_000;

export interface ProgressDeps {
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
  readonly nowMs: () => number;
}

export class Progress {
  readonly #deps: ProgressDeps;
  readonly #startedMs: number;
  readonly #shareBefore: number;
  readonly #rowsBefore: number;
  #shownMs: number;
  #barShown = false;

  /** @param before what an earlier run had done already: it does not count for the rate */
  constructor(deps: ProgressDeps, before: { readonly share: number; readonly rows: number }) {
    this.#deps = deps;
    this.#shareBefore = before.share;
    this.#rowsBefore = before.rows;
    this.#startedMs = this.#shownMs = deps.nowMs();
  }

  /** @param share of the input that was read, 0..1 */
  show(share: number, rows: number): void {
    const { isTerminal, write, nowMs } = this.#deps;
    const now = nowMs();
    if (now - this.#shownMs < (isTerminal ? BAR_EVERY_MS : LINE_EVERY_MS)) return;
    this.#shownMs = now;
    const seconds = (now - this.#startedMs) / 1000;
    const rate = (rows - this.#rowsBefore) / seconds;
    const done = share - this.#shareBefore;
    const left = done > 0 ? ((1 - share) / done) * seconds : Number.NaN;
    const words = `${percent(share)}  ${count(rows)} rows  ${count(rate)}/s  ${duration(left)} left`;
    if (!isTerminal) {
      write(`${words}\n`);
      return;
    }
    const full = Math.round(share * BAR_CELLS);
    write(`\r\u001b[K[${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)}] ${words}`);
    this.#barShown = true;
  }

  end(): void {
    if (this.#barShown) this.#deps.write('\r\u001b[K');
  }
}
