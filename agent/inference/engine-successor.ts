/**
 * A process that is made ready beside the one that works, and takes over from it between two requests with everything
 * warm; the one before ends, and with it all memory that its models have left behind (docs/adr/0005-a-process-for-each-newcomer.md).
 */
import { type AgentErrorCode, agentError } from '../errors.ts';
import type { RunOptions } from './engine.ts';
import type { EngineEnd } from './engine-child.ts';
import { asJob, type Job } from './engine-job.ts';
import type { EngineAnswer, EngineRequest } from './engine-messages.ts';
import type { EngineWorker } from './engine-worker.ts';

export interface EngineSuccessorDeps {
  /** A process that is not started yet. */
  readonly worker: EngineWorker;
  /** Load requests of what the process at work has, by model. */
  readonly loads: ReadonlyMap<string, Job>;
  /** Whether the process at work is up, with nothing half loaded. */
  readonly mayTakeOver: () => boolean;
  readonly takeOver: () => void;
  readonly nextId: () => number;
}

export class EngineSuccessor {
  readonly #deps: EngineSuccessorDeps;
  /** Models that this process was asked to load, and has loaded. */
  readonly #asked = new Set<string>();
  readonly #warm = new Set<string>();
  /** Loaded here and nowhere else, to be kept. */
  #newcomer: string | undefined;
  readonly #ready: Promise<void>;
  #onReady: () => void = () => undefined;
  /** Waits for the take-over. */
  #adopting: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #failed: Error | undefined;
  #onFailed: (error: Error) => void = () => undefined;

  constructor(deps: EngineSuccessorDeps) {
    this.#deps = deps;
    this.#ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onFailed = reject;
    });
  }

  /** Loads what works here. @throws CodedError SELF_TEST_IMPOSSIBLE */
  async start(): Promise<void> {
    const { worker, loads } = this.#deps;
    worker.start();
    await this.#ready;
    await Promise.all([...loads].map(([name, { request }]) => this.#loadResident(name, request)));
  }

  /** Loads one more. @throws CodedError as `Engine.load` */
  async loadNewcomer(model: string, request: EngineRequest): Promise<void> {
    await this.ask(request);
    this.#newcomer = model;
    this.#warm.add(model);
  }

  /** What is tried once killed this process alone, and is not tried again. */
  ask(request: EngineRequest, options: RunOptions = {}): Promise<EngineAnswer> {
    if (this.#failed) return Promise.reject(this.#failed);
    const { job, answer } = asJob(request, options);
    this.#deps.worker.submit(job);
    return answer;
  }

  async rssBytes(): Promise<number> {
    const answer = await this.ask({ id: this.#deps.nextId(), kind: 'measure', model: null });
    return answer.kind === 'done' ? answer.rssBytes : 0;
  }

  /** Takes over as soon as it has all that works. @throws CodedError ENGINE_*, SELF_TEST_IMPOSSIBLE */
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
    const { loads, mayTakeOver, takeOver, nextId, worker } = this.#deps;
    const adopting = this.#adopting;
    if (!adopting) return;
    for (const [name, { request }] of loads) {
      if (!this.#asked.has(name)) this.#loadResident(name, request).catch(adopting.reject);
    }
    if (![...loads.keys()].every((name) => this.#warm.has(name)) || !mayTakeOver()) return;
    for (const name of this.#warm) {
      if (loads.has(name) || name === this.#newcomer) continue;
      worker.submit(asJob({ id: nextId(), kind: 'unload', model: name }, {}).job);
    }
    this.#adopting = undefined;
    takeOver();
    adopting.resolve();
  }

  /** The process has ended; what was open is refused. */
  ended({ cause, text }: EngineEnd): void {
    const { hang } = this.#deps.worker;
    const code: AgentErrorCode = hang ? 'ENGINE_TIMEOUT' : 'ENGINE_CRASHED';
    const words = hang ? 'it hung on its trial' : `the engine ended on its trial: ${text}`;
    // A signal from outside says nothing of the model.
    const isForeign = hang ? hang === 'stopped' : cause === 'killed';
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
      await this.ask({ ...request, id: this.#deps.nextId() });
    } catch (cause) {
      throw impossible(`a model that works here does not load a second time: ${String(cause)}`, cause);
    }
    this.#warm.add(name);
    this.goOn();
  }
}

function impossible(message: string, cause?: unknown): Error {
  return agentError('SELF_TEST_IMPOSSIBLE', message, {
    hint: 'It is tried again. If this stays, the device lacks memory for two engine processes at a time.',
    ...(cause === undefined ? {} : { cause }),
  });
}
