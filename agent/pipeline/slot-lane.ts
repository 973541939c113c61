/** One slot's lane: samples and requests queue up, go to the engine in batches, and their predictions to the store in order. */
import { codeOf } from '../../protocol/errors.ts';
import { MAX_PRIORITY, type SlotConfig } from '../config/schema.ts';
import { agentError } from '../errors.ts';
import type { SlotModels } from '../models/active-models.ts';
import type { Sample } from '../sources/source.ts';
import type { Ask, Asked } from './ask.ts';
import { BatchRunner, type BatchRunnerDeps } from './batch-runner.ts';
import { batchDelayUs } from './batch-timing.ts';
import { type Item, itemsOf } from './lane-item.ts';
import { LaneQueue } from './lane-queue.ts';
import { LaneRecorder, type LaneRecorderDeps } from './lane-recorder.ts';
import { LaneRequest, requestsOf } from './lane-request.ts';
import { Waiters } from './waiters.ts';

export interface SlotLaneDeps
  extends Omit<BatchRunnerDeps, 'config' | 'modelsOrEnd'>,
    Omit<LaneRecorderDeps, 'config' | 'onDone'> {
  /** Samples at this position and before were answered in an earlier life. */
  readonly after: number;
  readonly config: SlotConfig;
}

export class SlotLane {
  readonly #deps: SlotLaneDeps;
  readonly #queue = new LaneQueue();
  readonly #runner: BatchRunner;
  readonly #recorder: LaneRecorder;
  readonly #forRoom = new Waiters();
  readonly #forModels = new Waiters();
  #accepted = 0;
  #inFlight = 0;
  #pumpDue = false;
  /** Pumps again when a batch has waited long enough for more. */
  #delay: NodeJS.Timeout | undefined;
  #draining = false;

  constructor(deps: SlotLaneDeps) {
    this.#deps = deps;
    this.#runner = new BatchRunner({ ...deps, modelsOrEnd: () => this.#modelsOrEnd() });
    this.#recorder = new LaneRecorder({ ...deps, onDone: () => this.#pumpSoon() });
  }

  /** Rows that wait. */
  get queued(): number {
    return this.#queue.rows;
  }

  hasRoom(): boolean {
    return this.#queue.samples < this.#deps.config.batch.maxQueued;
  }

  /** Resolves when half of the queue is free. */
  async ready(): Promise<void> {
    if (!this.hasRoom()) await this.#forRoom.wait();
  }

  push(sample: Sample): void {
    const { clock, config, refused, after } = this.#deps;
    if (sample.position !== undefined && sample.position <= after) return;
    if (!this.hasRoom()) {
      refused('SAMPLE_DROPPED', 'the queue is full: the models are slower than the source');
      return;
    }
    this.#accepted += 1;
    const item: Item = { sample, acceptedUs: clock.monotonicUs(), number: this.#accepted, request: null };
    this.#queue.push(item, config.batch.priority);
    this.#pumpSoon();
  }

  /** @throws CodedError as `Pipeline.ask` */
  async ask(ask: Ask): Promise<Asked> {
    const { slot, models, figures, clock } = this.#deps;
    const acceptedUs = clock.monotonicUs();
    try {
      this.#check(ask);
      return await this.#answerOf(ask);
    } catch (error) {
      const champion = models.of(slot)?.champion;
      if (champion) figures?.failed(slot, champion, [clock.monotonicUs() - acceptedUs]);
      throw error;
    }
  }

  async #answerOf(ask: Ask): Promise<Asked> {
    const { clock, config } = this.#deps;
    const at = { timeMs: clock.wallMs(), acceptedUs: clock.monotonicUs(), number: this.#accepted + 1 };
    this.#accepted += ask.rows;
    const request = new LaneRequest(ask, at.acceptedUs, at.number);
    for (const item of itemsOf(request, ask, at)) {
      this.#queue.push(item, ask.priority || config.batch.priority);
    }
    this.#pumpSoon();
    // Nobody may come by to see that its time is over: the slot may have no model, or the engine hang.
    const timer = ask.timeoutUs ? setTimeout(() => this.#expire(), ask.timeoutUs / 1000 + 1) : undefined;
    try {
      return await request.answered;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The slot's models may have changed. */
  wake(): void {
    this.#forModels.release();
    this.#pumpSoon();
  }

  /** Answers and records all that is queued; without a model it is dropped and counted. Nothing may be pushed after it. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.wake();
    while (this.#queue.rows > 0 || this.#inFlight > 0 || this.#recorder.uncommitted > 0) {
      this.#pump();
      await this.#recorder.settled();
    }
  }

  #check({ rows, data, correlationIds, priority = 0 }: Ask): void {
    const { refused, config } = this.#deps;
    if (rows < 1 || data.length === 0 || data.length % rows !== 0) {
      throw agentError('REQUEST_INVALID', `${data.length} values do not make ${rows} rows`);
    }
    if (correlationIds && correlationIds.length !== rows) {
      throw agentError('REQUEST_INVALID', `${correlationIds.length} correlation ids for ${rows} rows`);
    }
    if (!Number.isInteger(priority) || priority < 0 || priority > MAX_PRIORITY) {
      throw agentError('REQUEST_INVALID', `priority ${priority} is not one of 0 to ${MAX_PRIORITY}`);
    }
    const { maxQueued } = config.batch;
    if (rows > maxQueued) {
      throw agentError('REQUEST_TOO_LARGE', `${rows} rows in one request, the queue takes ${maxQueued}`, {
        hint: 'Send fewer rows at once, or raise batch.maxQueued of the slot.',
      });
    }
    if (this.#draining || this.#queue.asked + rows > maxQueued) {
      const reason = this.#draining ? 'the agent is stopping' : 'the queue of requests is full';
      refused('QUEUE_FULL', reason, rows);
      throw agentError('QUEUE_FULL', reason, { hint: 'Ask again later, or less often.' });
    }
  }

  /** At the end of the running turn, so that what a source delivers in one go travels in one batch. */
  #pumpSoon(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    queueMicrotask(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { config, clock } = this.#deps;
    const { maxRows, maxDelayUs, maxQueued } = config.batch;
    clearTimeout(this.#delay);
    while (this.#mayStart()) {
      const nowUs = clock.monotonicUs();
      const waitedUs = nowUs - (this.#queue.oldestUs() ?? nowUs);
      const moment = { queuedRows: this.#queue.rows, maxRows, inFlight: this.#inFlight, waitedUs };
      const delayUs = batchDelayUs({ ...moment, maxDelayUs: this.#draining ? 0 : maxDelayUs });
      if (delayUs > 0) {
        if (Number.isFinite(delayUs)) this.#delay = setTimeout(() => this.#pump(), delayUs / 1000);
        break;
      }
      const { items, expired } = this.#queue.take(maxRows, nowUs);
      this.#timedOut(expired);
      if (items.length > 0) this.#start(items, nowUs);
    }
    if (this.#queue.samples <= maxQueued / 2) this.#forRoom.release();
  }

  #mayStart(): boolean {
    const { config, models, slot } = this.#deps;
    const { maxRows, maxQueued } = config.batch;
    return (
      this.#queue.rows > 0 &&
      // A store that is slower than the engine slows the lane down; nothing piles up between them.
      this.#recorder.uncommitted < Math.max(maxQueued, 2 * maxRows) &&
      (this.#draining || models.of(slot) !== undefined)
    );
  }

  #start(items: readonly Item[], nowUs: number): void {
    this.#inFlight += 1;
    for (const request of requestsOf(items)) request.startedUs = nowUs;
    const answered = this.#runner
      .answer(items)
      .catch((error: unknown) => {
        this.#deps.refused(codeOf(error), `samples were lost: ${String(error)}`, items.length);
        for (const request of requestsOf(items)) request.refuse(error);
        return { predictions: [], replies: [] };
      })
      .finally(() => {
        this.#inFlight -= 1;
        this.#pumpSoon();
      });
    const position = items.findLast(({ sample }) => sample.position !== undefined)?.sample.position;
    this.#recorder.add(items.length, position ?? null, answered);
  }

  #expire(): void {
    this.#timedOut(this.#queue.takeExpired(this.#deps.clock.monotonicUs()));
  }

  #timedOut(requests: readonly LaneRequest[]): void {
    for (const request of requests) {
      const error = agentError('REQUEST_TIMEOUT', 'its time was over before it could be run');
      this.#deps.refused(error.code, error.message, request.rows);
      request.refuse(error);
    }
  }

  async #modelsOrEnd(): Promise<SlotModels | undefined> {
    const { models, slot } = this.#deps;
    while (!models.of(slot) && !this.#draining) await this.#forModels.wait();
    return models.of(slot);
  }
}
