/** A newcomer that looks on at live samples before it may decide: ends with enough of them, with time, or with the first guardrail that breaks. */
import { agentError } from '../errors.ts';
import type { Verdict } from './guard.ts';

export class ShadowRun {
  readonly #forMs: number;
  readonly #nowMs: () => number;
  #running:
    | {
        readonly model: string;
        readonly sinceMs: number;
        resolve: () => void;
        reject: (error: unknown) => void;
      }
    | undefined;

  /** @param forMs at most @param nowMs monotonic */
  constructor(forMs: number, nowMs: () => number) {
    this.#forMs = forMs;
    this.#nowMs = nowMs;
  }

  get model(): string | undefined {
    return this.#running?.model;
  }

  /** @throws CodedError MODEL_FAILS_ON_TRIAL; what `signal` is aborted with */
  async run(model: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = () => this.#running?.reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.#running = { model, sinceMs: this.#nowMs(), resolve, reject };
      });
    } finally {
      this.#running = undefined;
      signal.removeEventListener('abort', aborted);
    }
  }

  /** What the guard of the model says now. */
  judge(verdict: Verdict): void {
    const running = this.#running;
    if (!running) return;
    if (verdict.kind === 'fail') {
      running.reject(agentError('MODEL_FAILS_ON_TRIAL', `it looked on and failed: ${verdict.reason}`));
    } else if (verdict.kind === 'commit' || this.#nowMs() - running.sinceMs >= this.#forMs) {
      running.resolve();
    }
  }
}
