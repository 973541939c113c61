/** One engine process with the requests that are open in it: sends them when it is up, and knows when it hangs. */
import type { Clock } from '../clock.ts';
import { EngineChild, type EngineChildDeps, type EngineEnd } from './engine-child.ts';
import type { Job } from './engine-job.ts';
import type { EngineAnswer } from './engine-messages.ts';

export interface EngineWorkerDeps extends Pick<EngineChildDeps, 'threads' | 'entry' | 'log'> {
  readonly clock: Clock;
  /** A request may take this long where its job says nothing else. */
  readonly timeoutMs: number;
  /** It is up; whatever is submitted from now on is sent at once. */
  readonly onReady: (worker: EngineWorker) => void;
  /** A request was answered and its job settled. */
  readonly onAnswered: (worker: EngineWorker) => void;
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
  #isReady = false;
  #hung = false;
  #progressUs: number;

  constructor(deps: EngineWorkerDeps) {
    this.#deps = deps;
    const { threads, entry, log, clock, onEnd } = deps;
    this.#progressUs = clock.monotonicUs();
    this.#child = new EngineChild({
      threads,
      entry,
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

  /** Whether it was killed for answering nothing. */
  get hung(): boolean {
    return this.#hung;
  }

  start(): void {
    try {
      this.#child.start();
    } catch (error) {
      this.#deps.onEnd(this, { cause: 'crash', text: String(error) });
    }
  }

  submit(job: Job): void {
    if (this.jobs.size === 0) this.#progressUs = this.#deps.clock.monotonicUs();
    this.jobs.set(job.request.id, job);
    this.#child.send(job.request);
  }

  /** After a pause of the whole machine it gets its full time anew. */
  excuse(): void {
    this.#progressUs = this.#deps.clock.monotonicUs();
  }

  killIfHung(): void {
    const { timeoutMs, clock } = this.#deps;
    const first = this.jobs.values().next().value;
    const limitMs = !this.#isReady
      ? Math.max(timeoutMs, STARTUP_MS)
      : first
        ? (first.timeoutMs ?? timeoutMs)
        : Number.POSITIVE_INFINITY;
    if ((clock.monotonicUs() - this.#progressUs) / 1000 <= limitMs) return;
    this.#hung = true;
    this.#child.kill();
  }

  kill(): void {
    this.#child.kill();
  }

  /** The process ends itself when its channel closes. */
  disconnect(): void {
    this.#child.disconnect();
  }

  #onAnswer(answer: EngineAnswer): void {
    this.#progressUs = this.#deps.clock.monotonicUs();
    switch (answer.kind) {
      case 'ready':
        this.#isReady = true;
        this.#deps.onReady(this);
        return;
      case 'memory':
        this.rssBytes = answer.rssBytes;
        return;
      default: {
        const job = this.jobs.get(answer.id);
        this.jobs.delete(answer.id);
        if (answer.kind === 'done') this.rssBytes = answer.rssBytes;
        if (!job) return;
        job.strikes = 0;
        job.settle(answer);
        this.#deps.onAnswered(this);
      }
    }
  }
}
