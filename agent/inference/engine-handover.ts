/** How one process of the engine follows another with no request lost: with a newcomer that passed its trial, or for fresh memory. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import type { EngineModel } from './engine.ts';
import type { EngineEnd } from './engine-child.ts';
import { EngineSuccessor } from './engine-successor.ts';
import type { EngineWorker } from './engine-worker.ts';
import { GrowthWatch } from './growth-watch.ts';
import type { LoadedModels } from './loaded-models.ts';

export interface EngineHandoverDeps {
  /** Absent or 0: the process may grow to a multiple of its size after loading. */
  readonly maxRssMiB?: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly models: LoadedModels;
  readonly nextId: () => number;
  readonly newWorker: () => EngineWorker;
  /** Undefined while no process is ready. */
  readonly atWork: () => EngineWorker | undefined;
  /** From now on this one is asked. @returns the one before */
  readonly takeOver: (successor: EngineWorker) => EngineWorker | undefined;
}

export class EngineHandover {
  readonly #deps: EngineHandoverDeps;
  readonly #growth: GrowthWatch;
  readonly #successors = new Map<EngineWorker, EngineSuccessor>();
  /** Processes that are asked no more, and answer what they were asked before. */
  readonly #retiring = new Set<EngineWorker>();

  constructor(deps: EngineHandoverDeps) {
    this.#deps = deps;
    this.#growth = new GrowthWatch(deps.maxRssMiB ? deps.maxRssMiB * 2 ** 20 : null);
  }

  /** A process that is not started yet. @param newcomer the model that only it will have */
  prepare(newcomer: EngineModel | null): EngineSuccessor {
    const { models, nextId, newWorker, atWork } = this.#deps;
    const worker = newWorker();
    const successor = new EngineSuccessor({
      worker,
      loads: models.jobs,
      mayTakeOver: () => {
        const before = atWork();
        return before !== undefined && !isLoading(before);
      },
      takeOver: () => this.#takeOver(worker, newcomer),
      nextId,
    });
    this.#successors.set(worker, successor);
    return successor;
  }

  ready(worker: EngineWorker): void {
    this.#successors.get(worker)?.ready();
  }

  answered(worker: EngineWorker): void {
    if (this.#retiring.has(worker) && worker.jobs.size === 0) worker.disconnect();
    // In the next turn: a model that was loaded just now is known to be loaded by then.
    if (this.#successors.size > 0) setImmediate(() => this.goOn());
  }

  goOn(): void {
    if (!this.#deps.atWork()) return;
    for (const successor of this.#successors.values()) successor.goOn();
  }

  /** The process says how much memory it has. */
  grown(worker: EngineWorker): void {
    const { atWork, models } = this.#deps;
    // A newcomer on trial brings fresh memory of its own.
    if (worker !== atWork() || this.#successors.size > 0 || models.jobs.size === 0) return;
    const nowMs = this.#deps.clock.monotonicUs() / 1000;
    if (!this.#growth.isTooLarge(worker.rssBytes, worker.loadedRssBytes, nowMs)) return;
    this.#growth.renewed(nowMs);
    void this.#renew(worker.rssBytes);
  }

  /** @returns whether it was asked before and not all of that is answered */
  ended(worker: EngineWorker, end: EngineEnd): boolean {
    this.#successors.get(worker)?.ended(end);
    this.#successors.delete(worker);
    return this.#retiring.delete(worker) && worker.jobs.size > 0;
  }

  stop(): void {
    for (const successor of this.#successors.values()) successor.stop();
  }

  #takeOver(successor: EngineWorker, newcomer: EngineModel | null): void {
    const { models, nextId, takeOver } = this.#deps;
    this.#successors.delete(successor);
    const before = takeOver(successor);
    if (newcomer) models.keep(newcomer, nextId());
    if (!before) return;
    this.#retiring.add(before);
    if (before.jobs.size === 0) before.disconnect();
  }

  /** Memory that ONNX Runtime or a model does not give back goes with its process; no request notices. */
  async #renew(rssBytes: number): Promise<void> {
    const { counters, log } = this.#deps;
    const successor = this.prepare(null);
    try {
      await successor.start();
      await successor.adopt();
      counters.add('ENGINE_RENEWED');
      log.warn({ event: 'engine-renewed', rssBytes }, 'the engine held too much memory');
    } catch (error) {
      successor.discard();
      counters.add(codeOf(error));
      log.error({ event: 'engine-not-renewed', rssBytes, code: codeOf(error) }, String(error));
    }
  }
}

function isLoading({ jobs }: EngineWorker): boolean {
  return [...jobs.values()].some(({ request }) => request.kind === 'load');
}
