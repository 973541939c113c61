/** The engine as the agent holds it: one child process that is replaced at once when it crashes or hangs, with its work. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Counters } from '../counters.ts';
import { type AgentErrorCode, agentError } from '../errors.ts';
import type { Engine, EngineBatch, EngineModel, EngineResult } from './engine.ts';
import { EngineChild, type EngineEnd } from './engine-child.ts';
import { type Job, reloadJob } from './engine-job.ts';
import type { EngineAnswer, EngineRequest } from './engine-messages.ts';
import { graphSpecOf } from './graph-spec.ts';
import { restartDelayMs } from './restart-delay.ts';

/** How an engine process died. `model` is the one whose request it was working on; null when it was idle. */
export interface EngineDeath {
  readonly model: string | null;
  readonly cause: 'crash' | 'killed' | 'hang';
}

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

const MAX_STRIKES = 2;
const STARTUP_MS = 30_000;

export class EngineProcess implements Engine {
  readonly #deps: EngineProcessDeps;
  /** Open requests in the order in which they were made, which is the order in which they are answered. */
  #jobs = new Map<number, Job>();
  /** Loaded models by their load requests: what a successor has to load again. */
  readonly #loads = new Map<string, Job>();
  readonly #deathsMs: number[] = [];
  #child: EngineChild | undefined;
  #state: 'stopped' | 'starting' | 'ready' | 'down' = 'stopped';
  #nextId = 1;
  #restarts = 0;
  #rssBytes = 0;
  #progressUs = 0;
  #hung = false;
  #watch: NodeJS.Timeout | undefined;
  #respawn: NodeJS.Timeout | undefined;
  #onStarted: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #onStopped: (() => void) | undefined;

  constructor(deps: EngineProcessDeps) {
    this.#deps = deps;
  }

  /** @throws CodedError ENGINE_CRASHED when the process ends before it is ready */
  async start(): Promise<void> {
    const everyMs = Math.max(20, this.#deps.timeoutMs / 10);
    let dueMs = this.#nowMs() + everyMs;
    this.#watch = setInterval(() => {
      // After a pause of the whole machine the engine gets its full time anew.
      if (this.#nowMs() - dueMs > this.#deps.timeoutMs / 2) this.#progressUs = this.#deps.clock.monotonicUs();
      dueMs = this.#nowMs() + everyMs;
      this.#killIfHung();
    }, everyMs);
    this.#watch.unref();
    await new Promise<void>((resolve, reject) => {
      this.#onStarted = { resolve, reject };
      this.#spawn();
    });
    this.#onStarted = undefined;
  }

  async load(model: EngineModel): Promise<void> {
    const { manifestSha256, folder, manifest } = model;
    const { counters, log } = this.#deps;
    const file = manifest.model.file;
    const request: EngineRequest = {
      id: this.#nextId++,
      kind: 'load',
      model: manifestSha256,
      path: join(folder, file),
      sha256: manifest.files[file]?.sha256 ?? '',
      spec: graphSpecOf(manifest),
    };
    await this.#ask(request);
    const job = reloadJob(
      request,
      () => this.#reload(job),
      (reason, forGood) => {
        if (forGood) this.#loads.delete(manifestSha256);
        counters.add('ENGINE_MODEL_UNREADABLE');
        log.error({ event: 'model-lost', model: manifestSha256, reason }, 'it does not load again');
      },
    );
    this.#loads.set(manifestSha256, job);
  }

  async run(manifestSha256: string, { rows, data }: EngineBatch): Promise<EngineResult> {
    if (!this.#loads.has(manifestSha256)) throw notLoaded(manifestSha256);
    const answer = await this.#ask({ id: this.#nextId++, kind: 'run', model: manifestSha256, rows, data });
    if (answer.kind !== 'output') throw new TypeError(`a run was answered with "${answer.kind}"`);
    return answer;
  }

  /** What was asked before is still answered, except when no engine is there to do it. */
  async unload(manifestSha256: string): Promise<void> {
    if (!this.#loads.delete(manifestSha256)) return;
    if (this.#state === 'ready') {
      await this.#ask({ id: this.#nextId++, kind: 'unload', model: manifestSha256 });
      return;
    }
    for (const [id, job] of this.#jobs) {
      if (job.request.model !== manifestSha256) continue;
      this.#jobs.delete(id);
      job.refuse(notLoaded(manifestSha256));
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#watch);
    clearTimeout(this.#respawn);
    const wasUp = this.#state === 'ready' || this.#state === 'starting';
    this.#state = 'stopped';
    for (const job of this.#jobs.values()) job.refuse(agentError('ENGINE_CRASHED', 'the engine was stopped'));
    this.#jobs.clear();
    this.#loads.clear();
    if (!wasUp) return;
    const child = this.#child;
    await new Promise<void>((resolve) => {
      const impatience = setTimeout(() => child?.kill(), 1000);
      this.#onStopped = () => {
        clearTimeout(impatience);
        resolve();
      };
      child?.disconnect();
    });
  }

  status(): { restarts: number; rssBytes: number; alive: boolean } {
    return { restarts: this.#restarts, rssBytes: this.#rssBytes, alive: this.#state === 'ready' };
  }

  /** Process id of the engine at this moment. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #ask(request: EngineRequest): Promise<EngineAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'stopped') {
        reject(agentError('ENGINE_CRASHED', 'the engine was stopped'));
        return;
      }
      this.#submit({
        request,
        strikes: 0,
        settle: (answer) =>
          answer.kind === 'failed' ? reject(agentError(answer.code, answer.message)) : resolve(answer),
        refuse: reject,
      });
    });
  }

  #submit(job: Job): void {
    if (this.#jobs.size === 0) this.#progressUs = this.#deps.clock.monotonicUs();
    this.#jobs.set(job.request.id, job);
    // Otherwise it goes out when the engine is ready.
    if (this.#state === 'ready') this.#child?.send(job.request);
  }

  #spawn(): void {
    this.#state = 'starting';
    this.#hung = false;
    this.#progressUs = this.#deps.clock.monotonicUs();
    const { threads, entry, log } = this.#deps;
    const child = new EngineChild({
      threads,
      entry,
      log,
      onAnswer: (answer) => this.#onAnswer(answer),
      onEnd: (end) => this.#onEnd(end),
    });
    this.#child = child;
    try {
      child.start();
    } catch (error) {
      this.#onEnd({ cause: 'crash', text: String(error) });
    }
  }

  #onAnswer(answer: EngineAnswer): void {
    this.#progressUs = this.#deps.clock.monotonicUs();
    switch (answer.kind) {
      case 'ready':
        this.#onReady();
        return;
      case 'memory':
        this.#rssBytes = answer.rssBytes;
        return;
      default: {
        const job = this.#jobs.get(answer.id);
        this.#jobs.delete(answer.id);
        if (job) job.strikes = 0;
        job?.settle(answer);
      }
    }
  }

  /** The successor first loads what was loaded, then does what was open. */
  #onReady(): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    const loads = new Set([...this.#loads.values()]);
    const open = [...this.#jobs.values()].filter((job) => !loads.has(job));
    this.#jobs = new Map([...loads, ...open].map((job) => [job.request.id, job]));
    for (const job of this.#jobs.values()) this.#child?.send(job.request);
    this.#onStarted?.resolve();
  }

  #onEnd(end: EngineEnd): void {
    const { counters, log, clock, onDeath } = this.#deps;
    const wasReady = this.#state === 'ready';
    this.#rssBytes = 0;
    if (this.#state === 'stopped') {
      this.#onStopped?.();
      return;
    }
    this.#state = 'down';
    if (this.#onStarted && !wasReady) {
      clearInterval(this.#watch);
      this.#state = 'stopped';
      const hint = 'Check that the installation is complete: node cli/setup.mjs.';
      this.#onStarted.reject(agentError('ENGINE_CRASHED', `the engine did not start: ${end.text}`, { hint }));
      return;
    }
    const cause = this.#hung ? 'hang' : end.cause;
    const code: AgentErrorCode = this.#hung ? 'ENGINE_TIMEOUT' : 'ENGINE_CRASHED';
    const blamed = wasReady ? this.#jobs.values().next().value : undefined;
    const model = blamed?.request.model ?? null;
    counters.add(code);
    log.error({ event: 'engine-ended', code, cause, model, end: end.text }, 'starting its successor');
    this.#restarts += 1;
    if (blamed) blamed.strikes += 1;
    onDeath?.({ model, cause });
    if (blamed && blamed.strikes >= MAX_STRIKES && this.#jobs.delete(blamed.request.id)) {
      const words = this.#hung ? `no answer for ${this.#deps.timeoutMs} ms` : end.text;
      blamed.refuse(agentError(code, `the engine died ${MAX_STRIKES} times of the same request: ${words}`));
    }
    this.#deathsMs.push(clock.monotonicUs() / 1000);
    const delayMs = restartDelayMs(this.#deathsMs, this.#nowMs());
    if (delayMs === 0) this.#spawn();
    else this.#respawn = setTimeout(() => this.#spawn(), delayMs);
  }

  #reload(job: Job): void {
    const isWanted = this.#loads.get(job.request.model) === job && !this.#jobs.has(job.request.id);
    if (this.#state === 'ready' && isWanted) this.#submit(job);
  }

  #killIfHung(): void {
    const limitMs =
      this.#state === 'starting'
        ? Math.max(this.#deps.timeoutMs, STARTUP_MS)
        : this.#state === 'ready' && this.#jobs.size > 0
          ? this.#deps.timeoutMs
          : Number.POSITIVE_INFINITY;
    if (this.#nowMs() - this.#progressUs / 1000 <= limitMs) return;
    this.#hung = true;
    this.#child?.kill();
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicUs() / 1000;
  }
}

function notLoaded(model: string): Error {
  return agentError('MODEL_NOT_ACTIVE', `model ${model.slice(0, 12)} is not loaded in the engine`);
}
