/** The engine's processes that have not ended: watched together, counted together, ended together. */
import type { Clock } from '../clock.ts';
import type { Job } from './engine-job.ts';
import { watchEngine } from './engine-watch.ts';
import type { EngineWorker } from './engine-worker.ts';

/** Whoever has not ended by then is killed. */
const STOP_MS = 1000;

export class LiveWorkers {
  readonly #workers = new Set<EngineWorker>();
  #endWatch: (() => void) | undefined;
  #onAllEnded: (() => void) | undefined;

  watch(timeoutMs: number, clock: Clock): void {
    this.#endWatch = watchEngine(this.#workers, timeoutMs, clock);
  }

  endWatch(): void {
    this.#endWatch?.();
  }

  add(worker: EngineWorker): void {
    this.#workers.add(worker);
  }

  ended(worker: EngineWorker): void {
    this.#workers.delete(worker);
    if (this.#workers.size === 0) this.#onAllEnded?.();
  }

  get jobs(): Job[] {
    return [...this.#workers].flatMap((worker) => [...worker.jobs.values()]);
  }

  get rssBytes(): number {
    return [...this.#workers].reduce((sum, worker) => sum + worker.rssBytes, 0);
  }

  /** Resolves when all have ended. */
  async stop(): Promise<void> {
    this.endWatch();
    if (this.#workers.size === 0) return;
    await new Promise<void>((resolve) => {
      const impatience = setTimeout(() => {
        for (const worker of this.#workers) worker.kill();
      }, STOP_MS);
      this.#onAllEnded = () => {
        clearTimeout(impatience);
        resolve();
      };
      for (const worker of this.#workers) worker.disconnect();
    });
  }
}
