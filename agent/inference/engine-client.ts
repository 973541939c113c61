/** The engine as the agent holds it: one child process that is replaced at once when it crashes or hangs, with its work. */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { agentError } from '../errors.ts';
import type { Engine, EngineBatch, EngineModel, EngineResult, RunOptions, Trial } from './engine.ts';
import type { EngineEnd } from './engine-child.ts';
import { causeOf, type EngineDeath, verdictOn } from './engine-death.ts';
import { asJob, type Job, loadRequest, notLoaded, reloadJob } from './engine-job.ts';
import type { EngineAnswer, EngineRequest } from './engine-messages.ts';
import { EngineTrial, trialInPlace } from './engine-trial.ts';
import { watchEngine } from './engine-watch.ts';
import { EngineWorker } from './engine-worker.ts';
import { restartDelayMs } from './restart-delay.ts';
import { RunTimes } from './run-times.ts';

export interface EngineProcessDeps {
  /** 0: as many as the machine has cores. */
  readonly threads: number;
  /** An engine that answers nothing for this long is killed and replaced. */
  readonly timeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Called before the successor starts; a model that it unloads is not loaded again, and its open runs are refused. */
  readonly onDeath?: (death: EngineDeath) => void;
  /** Another program in place of engine-main: for fault tests. */
  readonly entry?: URL;
}

export class EngineProcess implements Engine {
  readonly #deps: EngineProcessDeps;
  /** Open requests while no process is ready. */
  #backlog = new Map<number, Job>();
  /** Loaded models by their load requests: what a successor has to load again. */
  readonly #loads = new Map<string, Job>();
  /** Models on trial, by their processes. */
  readonly #trials = new Map<EngineWorker, EngineTrial>();
  /** Processes that are asked no more, and answer what they were asked before. */
  readonly #retiring = new Set<EngineWorker>();
  readonly #deathsMs: number[] = [];
  readonly #runTimes = new RunTimes();
  #worker: EngineWorker | undefined;
  #state: 'stopped' | 'starting' | 'ready' | 'down' = 'stopped';
  #nextId = 1;
  #restarts = 0;
  #endWatch: (() => void) | undefined;
  #respawn: NodeJS.Timeout | undefined;
  #onStarted: { resolve: () => void; reject: (error: Error) => void } | undefined;
  /** Processes of this engine that have not ended, and who waits for that. */
  readonly #alive = new Set<EngineWorker>();
  #onAllEnded: (() => void) | undefined;

  constructor(deps: EngineProcessDeps) {
    this.#deps = deps;
  }

  /** @throws CodedError ENGINE_CRASHED when the process ends before it is ready */
  async start(): Promise<void> {
    this.#endWatch = watchEngine(this.#alive, this.#deps.timeoutMs, this.#deps.clock);
    await new Promise<void>((resolve, reject) => {
      this.#onStarted = { resolve, reject };
      this.#spawn();
    });
    this.#onStarted = undefined;
  }

  async load(model: EngineModel): Promise<void> {
    const request = loadRequest(this.#nextId++, model);
    await this.#ask(request, { once: true });
    this.#keep(request, model.manifestSha256);
  }

  /** Beside a process that works, in one of its own; in an empty one there is nothing to disturb. */
  async trial(model: EngineModel): Promise<Trial> {
    const nextId = () => this.#nextId++;
    if (this.#loads.size === 0) {
      return trialInPlace(model, this, () => this.#ask({ id: nextId(), kind: 'measure', model: null }));
    }
    const worker = this.#newWorker();
    const trial = new EngineTrial({
      model,
      worker,
      loads: this.#loads,
      mayTakeOver: () => this.#state === 'ready' && !this.#isLoading(),
      takeOver: () => this.#takeOver(worker, model),
      nextId,
    });
    this.#trials.set(worker, trial);
    try {
      await trial.start();
      return trial;
    } catch (error) {
      trial.discard();
      throw error;
    }
  }

  async run(
    manifestSha256: string,
    { rows, data }: EngineBatch,
    options: RunOptions = {},
  ): Promise<EngineResult> {
    if (!this.#loads.has(manifestSha256)) throw notLoaded(manifestSha256);
    const request: EngineRequest = { id: this.#nextId++, kind: 'run', model: manifestSha256, rows, data };
    const answer = await this.#ask(request, options);
    if (answer.kind !== 'output') throw new TypeError(`a run was answered with "${answer.kind}"`);
    return answer;
  }

  /** What was asked before is still answered, except when no engine is there to do it. */
  async unload(manifestSha256: string): Promise<void> {
    if (!this.#loads.delete(manifestSha256)) return;
    this.#runTimes.forget(manifestSha256);
    if (this.#state === 'ready') {
      await this.#ask({ id: this.#nextId++, kind: 'unload', model: manifestSha256 });
      return;
    }
    for (const [id, job] of this.#backlog) {
      if (job.request.model !== manifestSha256) continue;
      this.#backlog.delete(id);
      job.refuse(notLoaded(manifestSha256));
    }
  }

  async stop(): Promise<void> {
    this.#endWatch?.();
    clearTimeout(this.#respawn);
    this.#state = 'stopped';
    for (const trial of this.#trials.values()) trial.stop();
    const open = [...this.#alive].flatMap((worker) => [...worker.jobs.values()]);
    for (const job of [...this.#backlog.values(), ...open]) {
      job.refuse(agentError('ENGINE_CRASHED', 'the engine was stopped'));
    }
    this.#backlog.clear();
    this.#loads.clear();
    if (this.#alive.size === 0) return;
    await new Promise<void>((resolve) => {
      const impatience = setTimeout(() => {
        for (const worker of this.#alive) worker.kill();
      }, 1000);
      this.#onAllEnded = () => {
        clearTimeout(impatience);
        resolve();
      };
      for (const worker of this.#alive) worker.disconnect();
    });
  }

  status(): { restarts: number; rssBytes: number; alive: boolean } {
    const rssBytes = [...this.#alive].reduce((sum, worker) => sum + worker.rssBytes, 0);
    return { restarts: this.#restarts, rssBytes, alive: this.#state === 'ready' };
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

  /** A model that is loaded: a successor loads it again. */
  #keep(request: EngineRequest, model: string): void {
    const { counters, log } = this.#deps;
    const job = reloadJob(
      request,
      () => this.#reload(job),
      (reason, forGood) => {
        if (forGood) this.#loads.delete(model);
        counters.add('ENGINE_MODEL_UNREADABLE');
        log.error({ event: 'model-lost', model, reason }, 'it does not load again');
      },
    );
    this.#loads.set(model, job);
  }

  #submit(job: Job): void {
    if (this.#state === 'ready') this.#worker?.submit(job);
    // Otherwise it goes out when the engine is ready.
    else this.#backlog.set(job.request.id, job);
  }

  #newWorker(): EngineWorker {
    const { threads, entry, log, clock, timeoutMs } = this.#deps;
    const worker = new EngineWorker({
      threads,
      entry,
      log,
      clock,
      timeoutMs,
      runTimes: this.#runTimes,
      onReady: (ready) => (ready === this.#worker ? this.#onReady() : this.#trials.get(ready)?.ready()),
      onAnswered: (answered) => this.#onAnswered(answered),
      onEnd: (ended, end) => this.#onEnd(ended, end),
    });
    this.#alive.add(worker);
    return worker;
  }

  #spawn(): void {
    this.#state = 'starting';
    this.#worker = this.#newWorker();
    this.#worker.start();
  }

  /** A process that starts first loads what was loaded, then does what was open. */
  #onReady(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    const loads = new Set([...this.#loads.values()]);
    const open = [...this.#backlog.values()].filter((job) => !loads.has(job));
    this.#backlog = new Map();
    for (const job of [...loads, ...open]) this.#worker?.submit(job);
    this.#onStarted?.resolve();
    this.#goOnWithTrials();
  }

  #onAnswered(worker: EngineWorker): void {
    if (this.#retiring.has(worker) && worker.jobs.size === 0) worker.disconnect();
    // In the next turn: a model that was loaded just now is known to be loaded by then.
    if (this.#trials.size > 0) setImmediate(() => this.#goOnWithTrials());
  }

  #goOnWithTrials(): void {
    if (this.#state !== 'ready') return;
    for (const trial of this.#trials.values()) trial.goOn();
  }

  #takeOver(successor: EngineWorker, model: EngineModel): void {
    const before = this.#worker;
    this.#worker = successor;
    this.#trials.delete(successor);
    this.#keep(loadRequest(this.#nextId++, model), model.manifestSha256);
    if (!before) return;
    this.#retiring.add(before);
    if (before.jobs.size === 0) before.disconnect();
  }

  #onEnd(worker: EngineWorker, end: EngineEnd): void {
    this.#alive.delete(worker);
    if (this.#state === 'stopped') {
      if (this.#alive.size === 0) this.#onAllEnded?.();
      return;
    }
    if (worker !== this.#worker) {
      this.#onOtherEnd(worker, end);
      return;
    }
    const wasReady = this.#state === 'ready';
    this.#state = 'down';
    if (this.#onStarted && !wasReady) {
      this.#endWatch?.();
      this.#state = 'stopped';
      const hint = 'Check that the installation is complete: node cli/setup.mjs.';
      this.#onStarted.reject(agentError('ENGINE_CRASHED', `the engine did not start: ${end.text}`, { hint }));
      return;
    }
    for (const job of worker.jobs.values()) this.#backlog.set(job.request.id, job);
    this.#restarts += 1;
    this.#blame(worker, end, wasReady ? this.#backlog.values().next().value : undefined);
    this.#deathsMs.push(this.#nowMs());
    const delayMs = restartDelayMs(this.#deathsMs, this.#nowMs());
    if (delayMs === 0) this.#spawn();
    else this.#respawn = setTimeout(() => this.#spawn(), delayMs);
  }

  /** One with a model on trial, or one that has been replaced: what that one had not answered is asked again. */
  #onOtherEnd(worker: EngineWorker, end: EngineEnd): void {
    this.#trials.get(worker)?.ended(end);
    this.#trials.delete(worker);
    if (!this.#retiring.delete(worker) || worker.jobs.size === 0) return;
    const [first, ...others] = worker.jobs.values();
    if (first && this.#blame(worker, end, first)) this.#submit(first);
    for (const job of others) {
      if (this.#loads.has(job.request.model ?? '')) this.#submit(job);
      else job.refuse(notLoaded(job.request.model ?? ''));
    }
  }

  /** @returns whether the request that it died of is asked again */
  #blame(worker: EngineWorker, end: EngineEnd, blamed: Job | undefined): boolean {
    const { counters, log, onDeath } = this.#deps;
    const { cause, code } = causeOf(end, worker.hang);
    const model = blamed?.request.model ?? null;
    counters.add(code);
    log.error({ event: 'engine-ended', code, cause, model, end: end.text }, 'starting its successor');
    if (blamed) blamed.strikes += 1;
    onDeath?.({ model, cause });
    const givenUp = blamed && verdictOn(blamed, end, worker.hang);
    if (!blamed || !givenUp) return blamed !== undefined;
    this.#backlog.delete(blamed.request.id);
    blamed.refuse(givenUp);
    return false;
  }

  #isLoading(): boolean {
    return [...(this.#worker?.jobs.values() ?? [])].some(({ request }) => request.kind === 'load');
  }

  #reload(job: Job): void {
    const { model, id } = job.request;
    const isWanted = this.#loads.get(model ?? '') === job && !this.#worker?.jobs.has(id);
    if (this.#state === 'ready' && isWanted) this.#submit(job);
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicUs() / 1000;
  }
}
