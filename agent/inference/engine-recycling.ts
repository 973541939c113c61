/**
 * Replaces an engine process that has loaded and unloaded many models by a fresh one, while it goes on working: ONNX
 * Runtime keeps memory of the models that it had (docs/adr/0005-recycle-the-engine.md).
 */
import type { Logger } from 'pino';
import { codeOf } from '../../protocol/errors.ts';
import type { Job } from './engine-job.ts';
import type { EngineWorker } from './engine-worker.ts';

export interface EngineRecyclingDeps {
  /** Unloaded models after which a process has served its time. */
  readonly afterUnloads: number;
  /** What a fresh process has to have before it takes over: load requests by model. */
  readonly loads: ReadonlyMap<string, Job>;
  /** A process that is not started yet. */
  readonly spawn: () => EngineWorker;
  /** The successor has all that is loaded: from now on it is asked. */
  readonly takeOver: (successor: EngineWorker) => void;
  readonly nextId: () => number;
  readonly log: Logger;
}

export class EngineRecycling {
  readonly #deps: EngineRecyclingDeps;
  #unloads = 0;
  #successor: EngineWorker | undefined;
  /** Models that the successor was asked to load, and has loaded. */
  #asked = new Set<string>();
  #warm = new Set<string>();

  constructor(deps: EngineRecyclingDeps) {
    this.#deps = deps;
  }

  get successor(): EngineWorker | undefined {
    return this.#successor;
  }

  /** A model was unloaded from the process at work. */
  unloaded(): void {
    this.#unloads += 1;
    if (this.#unloads < this.#deps.afterUnloads || this.#successor) return;
    this.#unloads = 0;
    this.#asked = new Set();
    this.#warm = new Set();
    this.#successor = this.#deps.spawn();
    this.#successor.start();
  }

  /** The process at work has ended: its own successor is a fresh one. @returns what was warming up, to be ended */
  abandon(): EngineWorker | undefined {
    const successor = this.#successor;
    this.#successor = undefined;
    this.#unloads = 0;
    return successor;
  }

  /**
   * Goes on after anything was answered. It takes over between two requests, with nothing half loaded on either side.
   * @param working the process that is asked now
   */
  goOn(working: EngineWorker): void {
    const { loads, takeOver, nextId } = this.#deps;
    const successor = this.#successor;
    if (!successor?.isReady) return;
    for (const [model, { request }] of loads) {
      if (!this.#asked.has(model)) this.#load(successor, model, request);
    }
    const isWarm = [...loads.keys()].every((model) => this.#warm.has(model));
    const isLoading = [...working.jobs.values()].some(({ request }) => request.kind === 'load');
    if (!isWarm || isLoading) return;
    for (const model of this.#warm) {
      if (loads.has(model)) continue;
      const ignored = () => undefined;
      successor.submit({
        request: { id: nextId(), kind: 'unload', model },
        strikes: 0,
        settle: ignored,
        refuse: ignored,
      });
    }
    this.#successor = undefined;
    takeOver(successor);
  }

  #load(successor: EngineWorker, model: string, request: Job['request']): void {
    this.#asked.add(model);
    successor.submit({
      request: { ...request, id: this.#deps.nextId() },
      strikes: 0,
      settle: (answer) => {
        if (answer.kind !== 'failed') {
          this.#warm.add(model);
          return;
        }
        const { code, message } = answer;
        this.#deps.log.warn({ event: 'engine-not-recycled', code, model }, message);
        successor.kill();
      },
      refuse: (error) =>
        this.#deps.log.warn({ event: 'engine-not-recycled', code: codeOf(error) }, error.message),
    });
  }
}
