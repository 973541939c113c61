/**
 * Whether the request that a process works on will never be answered. Two limits: one for certain (`engine.timeoutMs`), and
 * a shorter one from the model's own times. The shorter one counts only for a process that has had the processor all the
 * while: on a busy machine, waiting for a turn is no fault of the model. One that a signal stopped is not waiting for
 * anything, however slow the machine: it is known by being found so look after look.
 */
import type { ProcessState } from './process-state.ts';

export type Hang = 'stopped' | 'busy';

/** Of a processor, by all its threads together: so much of the time between two looks is work. */
const BUSY_SHARE = 0.5;

/** A shorter wait is not looked into. */
const USUAL_MS = 100;
/** What slows a program down by stopping it (a debugger, cpulimit) lets it go on sooner. */
const STOPPED_MS = 200;

export class HangWatch {
  readonly #state: () => ProcessState | undefined;
  #lastLook: { readonly atMs: number; readonly cpuMs: number } | undefined;

  #stoppedSinceMs: number | undefined;

  constructor(state: () => ProcessState | undefined) {
    this.#state = state;
  }

  /** The process answered something, or has something new to do. */
  progressed(): void {
    this.#lastLook = undefined;
    this.#stoppedSinceMs = undefined;
  }

  /**
   * @param waitedMs since the process made its last progress
   * @param suspiciousMs undefined: only `certainMs` counts for a process that runs
   */
  look(
    nowMs: number,
    waitedMs: number,
    suspiciousMs: number | undefined,
    certainMs: number,
  ): Hang | undefined {
    if (waitedMs > certainMs) return this.#state()?.stopped ? 'stopped' : 'busy';
    if (waitedMs <= USUAL_MS) return undefined;
    const state = this.#state();
    if (!state) return undefined;
    this.#stoppedSinceMs = state.stopped ? (this.#stoppedSinceMs ?? nowMs) : undefined;
    if (this.#stoppedSinceMs !== undefined) {
      return nowMs - this.#stoppedSinceMs >= STOPPED_MS ? 'stopped' : undefined;
    }
    if (suspiciousMs === undefined || waitedMs <= suspiciousMs) return undefined;
    const before = this.#lastLook;
    this.#lastLook = { atMs: nowMs, cpuMs: state.cpuMs };
    const works = before && state.cpuMs - before.cpuMs >= BUSY_SHARE * (nowMs - before.atMs);
    return works ? 'busy' : undefined;
  }
}
