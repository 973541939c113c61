/** Finds what has fallen silent: the sources and models of the slots, and the server. */
import type { Clock } from '../clock.ts';
import type { AlarmCause } from './alarm-cause.ts';
import { type LinkFacts, type SlotFacts, silences } from './silence.ts';

export interface SilenceWatchDeps {
  readonly slots: () => readonly SlotFacts[];
  /** Records acknowledged and waiting over all streams; null where no server is configured. */
  readonly link: () => { connected: boolean; acked: number; waiting: number } | null;
  readonly clock: Clock;
}

export class SilenceWatch {
  readonly #deps: SilenceWatchDeps;
  #settled = { acked: -1, atMs: 0 };

  constructor(deps: SilenceWatchDeps) {
    this.#deps = deps;
  }

  /** Ask it about once a second: it learns from each time. */
  causes(): AlarmCause[] {
    const nowMs = this.#deps.clock.monotonicUs() / 1000;
    return silences(nowMs, this.#deps.slots(), this.#linkFacts(nowMs));
  }

  #linkFacts(nowMs: number): LinkFacts | null {
    const link = this.#deps.link();
    if (!link) return null;
    const { connected, acked, waiting } = link;
    if (!connected || waiting === 0 || acked !== this.#settled.acked) this.#settled = { acked, atMs: nowMs };
    return { connected, settledMs: this.#settled.atMs };
  }
}
