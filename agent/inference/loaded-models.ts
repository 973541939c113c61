/** The models that the engine has, whichever process it is: what a successor has to load again. */
import type { Counters } from '../../daemon/counters.ts';
import type { EngineModel } from './engine.ts';
import { type Job, loadRequest, reloadJob } from './engine-job.ts';
import type { GraphSpec } from './graph-spec.ts';

export interface LoadedModelsDeps {
  readonly counters: Counters;
  readonly lost: (model: string, reason: string) => void;
  /** Submits a load request anew. */
  readonly again: (job: Job) => void;
}

export class LoadedModels {
  readonly #deps: LoadedModelsDeps;
  readonly #jobs = new Map<string, Job>();
  readonly #specs = new Map<string, GraphSpec>();

  constructor(deps: LoadedModelsDeps) {
    this.#deps = deps;
  }

  /** Load requests by model. */
  get jobs(): ReadonlyMap<string, Job> {
    return this.#jobs;
  }

  /** Undefined for what is not loaded. */
  specOf(manifestSha256: string): GraphSpec | undefined {
    return this.#specs.get(manifestSha256);
  }

  /** One that is loaded now. @param id of the requests that load it again */
  keep(model: EngineModel, id: number): void {
    const { counters, lost, again } = this.#deps;
    const name = model.manifestSha256;
    const request = loadRequest(id, model);
    const job = reloadJob(
      request,
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
    this.#specs.set(name, request.spec);
  }

  /** @returns whether it was there */
  delete(manifestSha256: string): boolean {
    this.#specs.delete(manifestSha256);
    return this.#jobs.delete(manifestSha256);
  }

  clear(): void {
    this.#specs.clear();
    this.#jobs.clear();
  }
}
