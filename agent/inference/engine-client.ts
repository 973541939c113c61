/** The engine as the agent holds it: one child process that is replaced at once when it crashes or hangs, with its work. */
import type { ChildProcess } from 'node:child_process';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import type { Clock } from '../clock.ts';
import { agentError } from '../errors.ts';
import type {
  Engine,
  EngineBatch,
  EngineModel,
  EngineResult,
  InferResult,
  RunOptions,
  Trial,
} from './engine.ts';
import type { EngineEnd } from './engine-child.ts';
import type { EngineDeath } from './engine-death.ts';
import { EngineDeaths } from './engine-deaths.ts';
import { EngineHandover } from './engine-handover.ts';
import { asJob, type Job, loadRequest, notLoaded } from './engine-job.ts';
import type { EngineAnswer, EngineRequest } from './engine-messages.ts';
import { type EngineRun, inferTensors, runBatch } from './engine-run.ts';
import { EngineTrial, trialInPlace } from './engine-trial.ts';
import { EngineWorker } from './engine-worker.ts';
import { LiveWorkers } from './live-workers.ts';
import { LoadedModels } from './loaded-models.ts';
import { RunTimes } from './run-times.ts';
import type { GraphSignature, NamedTensor } from './tensor.ts';

export interface EngineProcessDeps {
  /** 0: as many as the cores that the agent may use. */
  readonly threads: number;
  /** Default: `cpu`. */
  readonly executionProvider?: string;
  /** Optimised graphs are kept there for the next start; default: nowhere. */
  readonly graphFolder?: string | undefined;
  /** An engine that answers nothing for this long is killed and replaced. */
  readonly timeoutMs: number;
  /** A process that holds more is replaced by a fresh one; absent or 0: one that grows far beyond its size after loading. */
  readonly maxRssMiB?: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Called before the successor starts; a model that it unloads is not loaded again, and its open runs are refused. */
  readonly onDeath?: (death: EngineDeath) => void;
  /** Another program in place of engine-main: for fault tests. */
  readonly entry?: URL;
  /** The first process, spawned while the agent was still loading its own code; absent: `start` spawns it. */
  readonly spawned?: ChildProcess | undefined;
}

export class EngineProcess implements Engine {
  readonly #deps: EngineProcessDeps;
  /** Open requests while no process is ready. */
  #backlog = new Map<number, Job>();
  readonly #models: LoadedModels;
  readonly #handover: EngineHandover;
  readonly #deaths: EngineDeaths;
  readonly #runTimes = new RunTimes();
  #worker: EngineWorker | undefined;
  #state: 'stopped' | 'starting' | 'ready' | 'down' = 'stopped';
  readonly #nextId = counter();
  #onStarted: { resolve: () => void; reject: (error: Error) => void } | undefined;
  readonly #alive = new LiveWorkers();

  constructor(deps: EngineProcessDeps) {
    this.#deps = deps;
    this.#deaths = new EngineDeaths(deps);
    this.#models = new LoadedModels({
      counters: deps.counters,
      lost: (model, reason) =>
        deps.log.error({ event: 'model-lost', model, reason }, 'it does not load again'),
      again: (job) => {
        if (this.#state === 'ready' && !this.#worker?.jobs.has(job.request.id)) this.#submit(job);
      },
    });
    this.#handover = new EngineHandover({
      ...deps,
      models: this.#models,
      nextId: this.#nextId,
      newWorker: () => this.#newWorker(),
      atWork: () => (this.#state === 'ready' ? this.#worker : undefined),
      takeOver: (successor) => {
        const before = this.#worker;
        this.#worker = successor;
        return before;
      },
    });
  }

  /** @throws CodedError ENGINE_CRASHED when the process ends before it is ready, ENGINE_PROVIDER_MISSING */
  async start(): Promise<void> {
    this.#alive.watch(this.#deps.timeoutMs, this.#deps.clock);
    await new Promise<void>((resolve, reject) => {
      this.#onStarted = { resolve, reject };
      this.#spawn(this.#deps.spawned);
    });
    this.#onStarted = undefined;
  }

  async load(model: EngineModel): Promise<void> {
    const request = loadRequest(this.#nextId(), model);
    await this.#ask(request, { once: true });
    this.#models.keep(model, request.id);
  }

  /** Beside a process that works, in one of its own; in an empty one there is nothing to disturb. */
  async trial(model: EngineModel): Promise<Trial> {
    if (this.#models.jobs.size === 0) {
      return trialInPlace(model, this, () => this.#ask({ id: this.#nextId(), kind: 'measure', model: null }));
    }
    const successor = this.#handover.prepare(model);
    const trial = new EngineTrial(model, successor, this.#nextId);
    try {
      await trial.start();
      return trial;
    } catch (error) {
      trial.discard();
      throw error;
    }
  }

  async run(manifestSha256: string, batch: EngineBatch, options: RunOptions = {}): Promise<EngineResult> {
    return runBatch(this.#runOf(manifestSha256), batch, options);
  }

  async infer(
    manifestSha256: string,
    inputs: readonly NamedTensor[],
    outputs: readonly string[] | null,
    options: RunOptions = {},
  ): Promise<InferResult> {
    return inferTensors(this.#runOf(manifestSha256), inputs, outputs, options);
  }

  async signature(manifestSha256: string): Promise<GraphSignature> {
    this.#runOf(manifestSha256);
    const answer = await this.#ask({ id: this.#nextId(), kind: 'describe', model: manifestSha256 });
    if (answer.kind !== 'signature') throw new TypeError(`a question was answered with "${answer.kind}"`);
    return answer.signature;
  }

  /** What was asked before is still answered, except when no engine is there to do it. */
  async unload(manifestSha256: string): Promise<void> {
    if (!this.#models.delete(manifestSha256)) return;
    this.#runTimes.forget(manifestSha256);
    if (this.#state === 'ready') {
      await this.#ask({ id: this.#nextId(), kind: 'unload', model: manifestSha256 });
      return;
    }
    for (const [id, job] of this.#backlog) {
      if (job.request.model !== manifestSha256) continue;
      this.#backlog.delete(id);
      job.refuse(notLoaded(manifestSha256));
    }
  }

  async stop(): Promise<void> {
    this.#deaths.stop();
    this.#state = 'stopped';
    this.#handover.stop();
    for (const job of [...this.#backlog.values(), ...this.#alive.jobs]) {
      job.refuse(agentError('ENGINE_CRASHED', 'the engine was stopped'));
    }
    this.#backlog.clear();
    this.#models.clear();
    await this.#alive.stop();
  }

  status(): { restarts: number; rssBytes: number; alive: boolean } {
    return {
      restarts: this.#deaths.successors,
      rssBytes: this.#alive.rssBytes,
      alive: this.#state === 'ready',
    };
  }

  /** Process id of the engine at this moment. */
  get pid(): number | undefined {
    return this.#worker?.pid;
  }

  #ask(request: EngineRequest, options: RunOptions = {}): Promise<EngineAnswer> {
    if (this.#state === 'stopped') {
      return Promise.reject(agentError('ENGINE_CRASHED', 'the engine was stopped'));
    }
    const { job, answer } = asJob(request, options);
    this.#submit(job);
    return answer;
  }

  /** @throws CodedError MODEL_NOT_ACTIVE */
  #runOf(model: string): EngineRun {
    const spec = this.#models.specOf(model);
    if (!spec) throw notLoaded(model);
    return { model, spec, nextId: this.#nextId, ask: (request, options) => this.#ask(request, options) };
  }

  #submit(job: Job): void {
    if (this.#state === 'ready') this.#worker?.submit(job);
    // Otherwise it goes out when the engine is ready.
    else this.#backlog.set(job.request.id, job);
  }

  #newWorker(spawned?: ChildProcess): EngineWorker {
    const { threads, executionProvider = 'cpu', graphFolder, entry, log, clock, timeoutMs } = this.#deps;
    const worker = new EngineWorker({
      options: { threads, executionProvider, ...(graphFolder ? { graphFolder } : {}) },
      entry,
      spawned,
      log,
      clock,
      timeoutMs,
      runTimes: this.#runTimes,
      onReady: (ready) => (ready === this.#worker ? this.#onReady() : this.#handover.ready(ready)),
      onAnswered: (answered) => this.#handover.answered(answered),
      onMemory: (grown) => this.#handover.grown(grown),
      onEnd: (ended, end) => this.#onEnd(ended, end),
    });
    this.#alive.add(worker);
    return worker;
  }

  #spawn(spawned?: ChildProcess): void {
    this.#state = 'starting';
    this.#worker = this.#newWorker(spawned);
    this.#worker.start();
  }

  /** A process that starts first loads what was loaded, then does what was open. */
  #onReady(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    const loads = new Set([...this.#models.jobs.values()]);
    const open = [...this.#backlog.values()].filter((job) => !loads.has(job));
    this.#backlog = new Map();
    for (const job of [...loads, ...open]) this.#worker?.submit(job);
    this.#onStarted?.resolve();
    this.#handover.goOn();
  }

  #onEnd(worker: EngineWorker, end: EngineEnd): void {
    this.#alive.ended(worker);
    if (this.#state === 'stopped') return;
    if (worker !== this.#worker) {
      this.#onOtherEnd(worker, end);
      return;
    }
    const wasReady = this.#state === 'ready';
    this.#state = 'down';
    if (this.#onStarted && !wasReady) {
      this.#alive.endWatch();
      this.#state = 'stopped';
      const hint = 'Check that the installation is complete: node cli/setup.mjs.';
      const failed = agentError('ENGINE_CRASHED', `the engine did not start: ${end.text}`, { hint });
      this.#onStarted.reject(worker.unfit ?? failed);
      return;
    }
    for (const job of worker.jobs.values()) this.#backlog.set(job.request.id, job);
    const blamed = wasReady ? this.#backlog.values().next().value : undefined;
    const again = this.#deaths.blame(worker, end, blamed);
    if (blamed && !again) this.#backlog.delete(blamed.request.id);
    this.#deaths.succeed(() => this.#spawn());
  }

  /** One with a model on trial, or one that has been replaced: what that one had not answered is asked again. */
  #onOtherEnd(worker: EngineWorker, end: EngineEnd): void {
    if (!this.#handover.ended(worker, end)) return;
    const [first, ...others] = worker.jobs.values();
    if (first && this.#deaths.blame(worker, end, first)) this.#submit(first);
    for (const job of others) {
      if (this.#models.jobs.has(job.request.model ?? '')) this.#submit(job);
      else job.refuse(notLoaded(job.request.model ?? ''));
    }
  }
}

function counter(): () => number {
  let next = 1;
  return () => next++;
}
