/** The models that the engine has, whichever process it is: what a successor has to load again. */
import type { Counters } from '../counters.ts';
import type { EngineModel } from './engine.ts';
import { type Job, loadRequest, reloadJob } from './engine-job.ts';

export interface LoadedModelsDeps {
  readonly counters: Counters;
  readonly lost: (model: string, reason: string) => void;
  /** Submits a load request anew. */
  readonly again: (job: Job) => void;
}

export class LoadedModels {
  readonly #deps: LoadedModelsDeps;
  readonly #jobs = new Map<string, Job>();
  readonly #models = new Map<string, EngineModel>();

  constructor(deps: LoadedModelsDeps) {
    this.#deps = deps;
  }

  /** Load requests by model. */
  get jobs(): ReadonlyMap<string, Job> {
    return this.#jobs;
  }

  get(manifestSha256: string): EngineModel | undefined {
    return this.#models.get(manifestSha256);
  }

  /** One that is loaded now. @param id of the requests that load it again */
  keep(model: EngineModel, id: number): void {
    const { counters, lost, again } = this.#deps;
    const name = model.manifestSha256;
    const job = reloadJob(
      loadRequest(id, model),
      () => {
        if (this.#jobs.get(name) === job) again(job);
      },
      (reason, forGood) => {
        if (forGood) this.delete(name);
        counters.add('ENGINE_MODEL_UNREADABLE');
        lost(name, reason);
      },
    );
    this.#jobs.set(name, job);
    this.#models.set(name, model);
  }

  /** @returns whether it was there */
  delete(manifestSha256: string): boolean {
    this.#models.delete(manifestSha256);
    return this.#jobs.delete(manifestSha256);
  }

  clear(): void {
    this.#models.clear();
    this.#jobs.clear();
  }
}
