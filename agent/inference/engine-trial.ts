/**
 * A model on trial in a process apart: it is loaded and tested beside the process that works, so that neither its loading
 * nor what it does there touches the line. When it is adopted, that process takes over, between two requests and with
 * everything warm; the one before ends, and with it all memory that its models have left behind (docs/adr/0005-a-process-for-each-newcomer.md).
 */
import { type AgentErrorCode, agentError } from '../errors.ts';
import type { Engine, EngineBatch, EngineModel, EngineResult, RunOptions, Trial } from './engine.ts';
import type { EngineEnd } from './engine-child.ts';
import { asJob, type Job, loadRequest } from './engine-job.ts';
import type { EngineAnswer, EngineRequest } from './engine-messages.ts';
import type { EngineWorker } from './engine-worker.ts';

export interface EngineTrialDeps {
  readonly model: EngineModel;
  /** A process that is not started yet. */
  readonly worker: EngineWorker;
  /** Load requests of what the process at work has, by model. */
  readonly loads: ReadonlyMap<string, Job>;
  /** Whether the process at work is up, with nothing half loaded. */
  readonly mayTakeOver: () => boolean;
  readonly takeOver: () => void;
  readonly nextId: () => number;
}

export class EngineTrial implements Trial {
  readonly #deps: EngineTrialDeps;
  /** Models that this process was asked to load, and has loaded. */
  readonly #asked = new Set<string>();
  readonly #warm = new Set<string>();
  readonly #ready: Promise<void>;
  #onReady: () => void = () => undefined;
  #beforeBytes = 0;
  /** Waits for the take-over. */
  #adopting: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #failed: Error | undefined;
  #onFailed: (error: Error) => void = () => undefined;

  constructor(deps: EngineTrialDeps) {
    this.#deps = deps;
    this.#ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onFailed = reject;
    });
  }

  get worker(): EngineWorker {
    return this.#deps.worker;
  }

  /** Loads what works here, then the model. @throws CodedError ENGINE_*, SELF_TEST_IMPOSSIBLE */
  async start(): Promise<void> {
    const { worker, loads, nextId, model } = this.#deps;
    worker.start();
    await this.#ready;
    await Promise.all([...loads].map(([name, { request }]) => this.#loadResident(name, request)));
    this.#beforeBytes = await this.#rssBytes();
    await this.#ask(loadRequest(nextId(), model));
    this.#warm.add(model.manifestSha256);
  }

  async run({ rows, data }: EngineBatch, options: RunOptions = {}): Promise<EngineResult> {
    const model = this.#deps.model.manifestSha256;
    const answer = await this.#ask({ id: this.#deps.nextId(), kind: 'run', model, rows, data }, options);
    if (answer.kind !== 'output') throw new TypeError(`a run was answered with "${answer.kind}"`);
    return answer;
  }

  async growthBytes(): Promise<number> {
    return (await this.#rssBytes()) - this.#beforeBytes;
  }

  async adopt(): Promise<void> {
    if (this.#failed) throw this.#failed;
    await new Promise<void>((resolve, reject) => {
      this.#adopting = { resolve, reject };
      this.goOn();
    });
  }

  discard(): void {
    this.#failed ??= impossible('the trial was given up');
    this.#deps.worker.kill();
  }

  ready(): void {
    this.#onReady();
  }

  /** Goes on after anything was answered, here or by the process at work. */
  goOn(): void {
    const { loads, mayTakeOver, takeOver, nextId, worker, model } = this.#deps;
    const adopting = this.#adopting;
    if (!adopting) return;
    for (const [name, { request }] of loads) {
      if (!this.#asked.has(name)) this.#loadResident(name, request).catch(adopting.reject);
    }
    if (![...loads.keys()].every((name) => this.#warm.has(name)) || !mayTakeOver()) return;
    for (const name of this.#warm) {
      if (loads.has(name) || name === model.manifestSha256) continue;
      worker.submit(asJob({ id: nextId(), kind: 'unload', model: name }, {}).job);
    }
    this.#adopting = undefined;
    takeOver();
    adopting.resolve();
  }

  /** The process has ended; what was open is refused. */
  ended({ cause, text }: EngineEnd): void {
    const { worker } = this.#deps;
    const code: AgentErrorCode = worker.hang ? 'ENGINE_TIMEOUT' : 'ENGINE_CRASHED';
    const words = worker.hang ? 'it hung on its trial' : `the engine ended on its trial: ${text}`;
    // A kill from outside says nothing of the model.
    const isForeign = cause === 'killed' && worker.hang !== 'busy';
    this.#fail(isForeign ? impossible(words) : agentError(code, words));
  }

  stop(): void {
    this.#fail(agentError('ENGINE_CRASHED', 'the engine was stopped'));
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#onFailed(this.#failed);
    // Nobody may wait for it.
    this.#ready.catch(() => undefined);
    this.#adopting?.reject(this.#failed);
    this.#adopting = undefined;
    for (const job of this.#deps.worker.jobs.values()) job.refuse(this.#failed);
    this.#deps.worker.jobs.clear();
  }

  async #loadResident(name: string, request: EngineRequest): Promise<void> {
    this.#asked.add(name);
    try {
      await this.#ask({ ...request, id: this.#deps.nextId() });
    } catch (cause) {
      throw impossible(`a model that works here does not load a second time: ${String(cause)}`, cause);
    }
    this.#warm.add(name);
    this.goOn();
  }

  async #rssBytes(): Promise<number> {
    const answer = await this.#ask({ id: this.#deps.nextId(), kind: 'measure', model: null });
    return answer.kind === 'done' ? answer.rssBytes : 0;
  }

  #ask(request: EngineRequest, options: RunOptions = {}): Promise<EngineAnswer> {
    if (this.#failed) return Promise.reject(this.#failed);
    const { job, answer } = asJob(request, options);
    this.#deps.worker.submit(job);
    return answer;
  }
}

/** Of the first model, in a process that has no other: it is loaded where it will work. */
export async function trialInPlace(
  model: EngineModel,
  engine: Pick<Engine, 'load' | 'run' | 'unload'>,
  measure: () => Promise<EngineAnswer>,
): Promise<Trial> {
  const rssBytes = async () => {
    const answer = await measure();
    return answer.kind === 'done' ? answer.rssBytes : 0;
  };
  const beforeBytes = await rssBytes();
  await engine.load(model);
  return {
    run: (batch, options) => engine.run(model.manifestSha256, batch, options),
    growthBytes: async () => (await rssBytes()) - beforeBytes,
    adopt: async () => undefined,
    discard: () => void engine.unload(model.manifestSha256).catch(() => undefined),
  };
}

function impossible(message: string, cause?: unknown): Error {
  return agentError('SELF_TEST_IMPOSSIBLE', message, {
    hint: 'It is tried again. If this stays, the device lacks memory for two engine processes at a time.',
    ...(cause === undefined ? {} : { cause }),
  });
}
