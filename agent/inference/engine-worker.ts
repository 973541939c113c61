/** One engine process with the requests that are open in it: sends them when it is up, and knows when it hangs. */
import type { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import { type AgentErrorCode, agentError } from '../errors.ts';
import { EngineChild, type EngineChildDeps, type EngineEnd } from './engine-child.ts';
import type { Job } from './engine-job.ts';
import type { EngineAnswer } from './engine-messages.ts';
import { type Hang, HangWatch } from './hang-watch.ts';
import { processState } from './process-state.ts';
import type { RunTimes } from './run-times.ts';

export interface EngineWorkerDeps extends Pick<EngineChildDeps, 'options' | 'entry' | 'spawned' | 'log'> {
  readonly clock: Clock;
  /** A request may take this long where its job says nothing else. */
  readonly timeoutMs: number;
  /** Of the models' runs in all processes of this engine. */
  readonly runTimes: RunTimes;
  /** It is up; whatever is submitted from now on is sent at once. */
  readonly onReady: (worker: EngineWorker) => void;
  /** A request was answered and its job settled. */
  readonly onAnswered: (worker: EngineWorker) => void;
  /** It said how much memory it has: `rssBytes`. */
  readonly onMemory: (worker: EngineWorker) => void;
  /** Called once; what was open is in `jobs`, the one it worked on first. */
  readonly onEnd: (worker: EngineWorker, end: EngineEnd) => void;
}

const STARTUP_MS = 30_000;

export class EngineWorker {
  readonly #deps: EngineWorkerDeps;
  readonly #child: EngineChild;
  /** In the order in which they were made, which is the order in which they are answered. */
  readonly jobs = new Map<number, Job>();
  /** Resident memory of the process. */
  rssBytes = 0;
  /** The same, when its newest model was loaded. */
  loadedRssBytes = 0;
  /** Why it cannot be asked; undefined: it can. */
  unfit: CodedError<AgentErrorCode> | undefined;
  #isReady = false;
  #hang: Hang | undefined;
  readonly #hangWatch: HangWatch;
  #progressUs: number;

  constructor(deps: EngineWorkerDeps) {
    this.#deps = deps;
    const { options, entry, spawned, log, clock, onEnd } = deps;
    this.#progressUs = clock.monotonicUs();
    this.#hangWatch = new HangWatch(() => (this.pid === undefined ? undefined : processState(this.pid)));
    this.#child = new EngineChild({
      options,
      entry,
      spawned,
      log,
      onAnswer: (answer) => this.#onAnswer(answer),
      onEnd: (end) => onEnd(this, end),
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Why it was killed for answering nothing; undefined: it was not. */
  get hang(): Hang | undefined {
    return this.#hang;
  }

  start(): void {
    try {
      this.#child.start();
    } catch (error) {
      this.#deps.onEnd(this, { cause: 'crash', text: String(error) });
    }
  }

  submit(job: Job): void {
    if (this.jobs.size === 0) this.excuse();
    this.jobs.set(job.request.id, job);
    this.#child.send(job.request);
  }

  /** It gets its full time anew: after an answer, or a pause of the whole machine. */
  excuse(): void {
    this.#progressUs = this.#deps.clock.monotonicUs();
    this.#hangWatch.progressed();
  }

  killIfHung(): void {
    const { timeoutMs, runTimes } = this.#deps;
    const first = this.jobs.values().next().value;
    if (this.#hang || (this.#isReady && !first)) return;
    const certainMs = this.#isReady ? (first?.timeoutMs ?? timeoutMs) : Math.max(timeoutMs, STARTUP_MS);
    const run = first?.request.kind === 'run' ? first.request : undefined;
    const suspiciousMs = run && runTimes.suspiciousMs(run.model, run.rows);
    this.#hang = this.#hangWatch.look(this.#nowMs(), this.#waitedMs(), suspiciousMs, certainMs);
    if (this.#hang) this.#child.kill();
  }

  kill(): void {
    this.#child.kill();
  }

  /** The process ends itself when its channel closes. */
  disconnect(): void {
    this.#child.disconnect();
  }

  #onAnswer(answer: EngineAnswer): void {
    const tookMs = this.#waitedMs();
    // What its process says of itself now and then is no progress of its work.
    if (answer.kind !== 'memory') this.excuse();
    switch (answer.kind) {
      case 'ready':
        this.#isReady = true;
        this.#deps.onReady(this);
        return;
      case 'unfit':
        this.unfit = agentError(answer.code, answer.message, { hint: answer.hint });
        this.#child.kill();
        return;
      case 'memory':
        this.rssBytes = answer.rssBytes;
        this.#deps.onMemory(this);
        return;
      default: {
        const job = this.jobs.get(answer.id);
        this.jobs.delete(answer.id);
        if (answer.kind === 'done') this.rssBytes = answer.rssBytes;
        if (!job) return;
        if (job.request.kind === 'load') this.loadedRssBytes = this.rssBytes;
        if (answer.kind === 'done' && answer.graph) {
          const { model } = job.request;
          this.#deps.log.info({ event: 'graph-loaded', model, ...answer.graph });
        }
        job.strikes = 0;
        if (answer.kind === 'output' && job.request.kind === 'run') {
          this.#deps.runTimes.observe(job.request.model, job.request.rows, tookMs);
        }
        job.settle(answer);
        this.#deps.onAnswered(this);
      }
    }
  }
  #nowMs(): number {
    return this.#deps.clock.monotonicUs() / 1000;
  }

  #waitedMs(): number {
    return this.#nowMs() - this.#progressUs / 1000;
  }
}
