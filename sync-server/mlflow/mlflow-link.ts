/** Keeps in touch with MLflow: every `pollS` it tells what is new and looks where aliases point; slower while MLflow is away. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { MlflowView } from '../views/mlflow.ts';
import type { AliasWatch } from './alias-watch.ts';
import type { RunReporter } from './run-reporter.ts';

export interface MlflowLinkDeps {
  readonly store: ServerStore;
  readonly watch: AliasWatch;
  /** Undefined: nothing goes back to MLflow. */
  readonly reporter: RunReporter | undefined;
  readonly trackingUri: string;
  readonly pollS: number;
  readonly counters: Counters;
  readonly log: Logger;
}

/** Between two tries while MLflow is away. */
const AWAY_MAX_MS = 15 * 60_000;

export class MlflowLink {
  readonly #deps: MlflowLinkDeps;
  readonly #end = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #problem: string | null = null;
  #asked = false;

  constructor(deps: MlflowLinkDeps) {
    this.#deps = deps;
  }

  start(): void {
    void this.#tick();
  }

  stop(): void {
    this.#end.abort();
    clearTimeout(this.#timer);
  }

  view(): MlflowView {
    return {
      trackingUri: this.#deps.trackingUri,
      asked: this.#asked,
      problem: this.#problem,
      waiting: this.#deps.store.mlflow.waitingCount,
      aliases: this.#deps.watch.views(),
    };
  }

  /** One round; nothing that goes wrong here reaches any other part. */
  async round(): Promise<void> {
    const { watch, reporter, counters, log } = this.#deps;
    const { signal } = this.#end;
    try {
      await reporter?.gather();
      await watch.look(signal);
      await reporter?.deliver(signal);
      if (this.#problem !== null) log.info({ event: 'mlflow-back' }, 'MLflow answers again');
      this.#failures = 0;
      this.#problem = null;
      this.#asked = true;
    } catch (error) {
      if (signal.aborted) return;
      const words = error instanceof Error ? error.message : String(error);
      counters.add(`mlflow.${codeOf(error)}`);
      if (words !== this.#problem) log.warn({ event: 'mlflow-away', code: codeOf(error) }, words);
      this.#failures += 1;
      this.#problem = words;
    }
  }

  async #tick(): Promise<void> {
    await this.round();
    if (this.#end.signal.aborted) return;
    const { pollS } = this.#deps;
    this.#timer = setTimeout(() => void this.#tick(), nextRoundMs(pollS * 1000, this.#failures));
  }
}

/** @returns ms until the next round: `pollMs`, doubled with every failure in a row, at most 15 min (or `pollMs`) */
export function nextRoundMs(pollMs: number, failures: number): number {
  return Math.max(pollMs, Math.min(AWAY_MAX_MS, pollMs * 2 ** Math.min(failures, 20)));
}
