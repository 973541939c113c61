/** Tells that predictions go as fast as a cap lets them, and when what waits now is through: one stream is one log, in order. */
import type { Clock } from '../clock.ts';
import { spanWords } from '../monitor/span-words.ts';

/** What allows so many bytes a second: a slot, or the link for all records. */
export interface Cap {
  readonly slot: string | null;
  readonly maxBytesPerS: number;
}

/** A busy moment is not worth a word. */
const WORTH_A_WORD_MS = 5000;
/** Between two waits, while a batch is read and sent. */
const PAUSE_MS = 5000;

interface Held extends Cap {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Records that went since then. */
  readonly sent: number;
}

export class UploadPace {
  readonly #clock: Pick<Clock, 'monotonicUs'>;
  #held: Held | null = null;

  constructor(clock: Pick<Clock, 'monotonicUs'>) {
    this.#clock = clock;
  }

  /** The next predictions wait so long for this cap. */
  waits(cap: Cap, waitMs: number): void {
    const nowMs = this.#nowMs();
    const { sinceMs, sent } = this.#current(nowMs) ?? { sinceMs: nowMs, sent: 0 };
    this.#held = { ...cap, sinceMs, sent, untilMs: nowMs + waitMs };
  }

  sent(records: number): void {
    if (this.#held) this.#held = { ...this.#held, sent: this.#held.sent + records };
  }

  /** @param waiting predictions not acknowledged; @returns a clause for people; null while no cap is felt */
  words(waiting: number): string | null {
    const nowMs = this.#nowMs();
    const held = this.#current(nowMs);
    if (!held || waiting === 0 || nowMs - held.sinceMs < WORTH_A_WORD_MS) return null;
    const rate = `${held.maxBytesPerS.toLocaleString('en-US')} bytes a second`;
    const cap =
      held.slot === null
        ? `records are sent at ${rate}, as sync.telemetry.maxBytesPerS has it`
        : `slot ${held.slot} may send ${rate}, and the predictions of other slots wait in line behind its own`;
    if (held.sent === 0) return cap;
    const leftMs = (waiting / held.sent) * (nowMs - held.sinceMs);
    return `${cap}; what waits now is sent in about ${spanWords(leftMs)}`;
  }

  #current(nowMs: number): Held | null {
    return this.#held && nowMs < this.#held.untilMs + PAUSE_MS ? this.#held : null;
  }

  #nowMs(): number {
    return this.#clock.monotonicUs() / 1000;
  }
}
