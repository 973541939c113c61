/** One slot's lane: a bounded queue, batches of whatever waits, both models' answers, one record each, order kept. */
import { codeOf } from '../../protocol/errors.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import type { Clock } from '../clock.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { Engine, EngineResult, RunOptions } from '../inference/engine.ts';
import type { ActiveModel, ActiveModels, SlotModels } from '../models/active-models.ts';
import { deadlineMs } from '../models/deadline.ts';
import type { InferenceObserver } from '../monitor/inference-figures.ts';
import type { Sample } from '../sources/source.ts';
import type { NewPrediction, StoredPrediction } from '../store/records.ts';
import type { Recorder } from '../store/store.ts';
import { Decider } from './decider.ts';
import { InputReader, type Item } from './input-reader.ts';
import { type LaneBatch, laneBatch } from './lane-batch.ts';
import { type LaneResult, predictionsOf } from './lane-decision.ts';
import type { LaneMonitor } from './lane-monitor.ts';
import { Waiters } from './waiters.ts';
import type { Windower } from './windower.ts';

export interface SlotLaneDeps {
  readonly slot: string;
  /** Samples at this position and before were answered in an earlier life. */
  readonly after: number;
  readonly config: Pick<SlotConfig, 'source' | 'batch' | 'keepFeatures' | 'privacy'>;
  readonly models: ActiveModels;
  readonly engine: Pick<Engine, 'run'>;
  readonly recorder: Pick<Recorder, 'predictions'>;
  /** Asked once a champion. */
  readonly monitorOf: (slot: string, champion: ActiveModel) => LaneMonitor;
  /** How a model did: feeds its probation. */
  readonly observe: (
    slot: string,
    model: string,
    outcome: 'ok' | 'error' | 'unreadable',
    count: number,
    computeUs?: number,
  ) => void;
  /** Where time goes. */
  readonly figures?: InferenceObserver;
  readonly onCommitted: (slot: string, predictions: readonly StoredPrediction[]) => void;
  readonly clock: Clock;
  /** Counts under a code, and says why in the log now and then. */
  readonly refused: (code: string, reason: string, count?: number) => void;
}

/** The engine works on one batch while the next one lies ready. */
const BATCHES_IN_FLIGHT = 2;
/** Wider rows are not kept: the record of a prediction has room for this many values. */
const MAX_KEPT_WIDTH = 1024;

export class SlotLane {
  readonly #deps: SlotLaneDeps;
  readonly #queue: Item[] = [];
  readonly #forRoom = new Waiters();
  readonly #forModels = new Waiters();
  readonly #windowers = new Map<string, Windower>();
  readonly #readers = new WeakMap<ActiveModel, InputReader>();
  readonly #deciders = new WeakMap<ActiveModel, Decider>();
  #monitor: { champion: ActiveModel; monitor: LaneMonitor } | undefined;
  #samples = 0;
  #inFlight = 0;
  /** Decided or being decided, and not yet committed. */
  #uncommitted = 0;
  #pumpDue = false;
  #draining = false;
  /** All batches before the newest one are handed to the recorder. */
  #recorded: Promise<void> = Promise.resolve();
  /** All that was handed to the recorder is committed, or counted as lost. */
  #lastCommit: Promise<void> = Promise.resolve();

  constructor(deps: SlotLaneDeps) {
    this.#deps = deps;
  }

  get queued(): number {
    return this.#queue.length;
  }

  hasRoom(): boolean {
    return this.#queue.length < this.#deps.config.batch.maxQueued;
  }

  /** Resolves when half of the queue is free. */
  async ready(): Promise<void> {
    if (!this.hasRoom()) await this.#forRoom.wait();
  }

  push(sample: Sample): void {
    const { clock, refused, after } = this.#deps;
    if (sample.position !== undefined && sample.position <= after) return;
    if (!this.hasRoom()) {
      refused('SAMPLE_DROPPED', 'the queue is full: the models are slower than the source');
      return;
    }
    this.#samples += 1;
    this.#queue.push({ sample, acceptedUs: clock.monotonicUs(), number: this.#samples });
    this.#pumpSoon();
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
    while (this.#queue.length > 0 || this.#inFlight > 0 || this.#uncommitted > 0) {
      this.#pump();
      await this.#recorded;
      await this.#lastCommit;
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
    const { config, models, slot } = this.#deps;
    const { maxRows, maxQueued } = config.batch;
    const mayStart = () =>
      this.#queue.length > 0 &&
      this.#inFlight < BATCHES_IN_FLIGHT &&
      // A store that is slower than the engine slows the lane down; nothing piles up between them.
      this.#uncommitted < Math.max(maxQueued, 2 * maxRows) &&
      (this.#draining || models.of(slot) !== undefined);
    while (mayStart()) {
      const items = this.#queue.splice(0, maxRows);
      this.#inFlight += 1;
      this.#uncommitted += items.length;
      const answered = this.#answer(items)
        .catch((error: unknown) => {
          this.#deps.refused(codeOf(error), `samples were lost: ${String(error)}`, items.length);
          return [];
        })
        .finally(() => {
          this.#inFlight -= 1;
          this.#pumpSoon();
        });
      // Recorded in the order of the samples, whichever batch had to be repeated.
      const previous = this.#recorded;
      this.#recorded = answered.then(async (predictions) => {
        await previous;
        const commit = this.#record(items, predictions);
        // A batch without predictions is done at once, also while the one before it is not.
        this.#lastCommit = this.#lastCommit.then(() => commit);
      });
    }
    if (this.#queue.length <= maxQueued / 2) this.#forRoom.release();
  }

  /**
   * The predictions of these items; the samples that cannot be answered are counted.
   * @returns null when the lane ends with no model: then the items count as never read
   */
  async #answer(items: readonly Item[]): Promise<NewPrediction[] | null> {
    let open = items;
    for (;;) {
      const models = await this.#modelsOrEnd();
      if (!models) {
        this.#deps.refused('SAMPLE_DROPPED', 'the slot has no model', open.length);
        return null;
      }
      const { champion, challenger } = models;
      const takenUs = this.#deps.clock.monotonicUs();
      const batch = laneBatch(
        open,
        this.#readerOf(champion),
        challenger && this.#readerOf(challenger.model),
        (reason) => this.#deps.refused('SAMPLE_INVALID', reason),
      );
      const unreadable = open.length - batch.items.length - batch.notDue;
      if (unreadable > 0) this.#observe(champion, 'unreadable', unreadable);
      // Rejected once is rejected: what is left may be asked of a successor.
      open = batch.items;
      if (open.length === 0) return [];
      const readyUs = this.#deps.clock.monotonicUs();
      const { trialRowMs } = models;
      const beside =
        challenger && batch.challenger
          ? this.#look(challenger.model, batch.challenger, trialRowMs?.challenger)
          : null;
      try {
        const options = trialOptions(trialRowMs?.champion, open.length);
        const result = await this.#deps.engine.run(champion.manifestSha256, batch.champion, options);
        const championDoneUs = this.#deps.clock.monotonicUs();
        this.#observe(champion, 'ok', open.length, result.computeUs);
        this.#unreadable(champion, result);
        this.#deps.figures?.queued(this.#deps.slot, champion, waits(open, takenUs));
        this.#deps.figures?.executed(this.#deps.slot, champion, {
          rows: open.length,
          inputUs: readyUs - takenUs,
          computeUs: result.computeUs,
        });
        return this.#decided(models, batch, result, championDoneUs, await beside);
      } catch (error) {
        await beside;
        const half = this.#failed(error, champion, open);
        if (half === 'retry') continue;
        if (half === 'drop') return [];
        const first = await this.#answer(open.slice(0, half));
        const second = await this.#answer(open.slice(half));
        return first && second && [...first, ...second];
      }
    }
  }

  /** @returns what to do with the items: ask again (another champion is there), drop them, or split them at an index */
  #failed(error: unknown, champion: ActiveModel, items: readonly Item[]): 'retry' | 'drop' | number {
    const { slot, models, refused } = this.#deps;
    const code = codeOf(error);
    // One bad row spoils a batch: only rows that fail alone are errors of the model.
    if (code === 'ENGINE_OUTPUT_INVALID' && items.length > 1) return Math.ceil(items.length / 2);
    refused(code, `${modelTitle(champion.manifest)}: ${String(error)}`);
    this.#observe(champion, 'error', items.length);
    if (models.of(slot)?.champion !== champion) return 'retry';
    refused('SAMPLE_DROPPED', 'the model could not answer', items.length);
    this.#deps.figures?.failed(slot, champion, items.length);
    return 'drop';
  }

  /** The challenger's answer; its failure is its own and nobody else's. */
  async #look(
    model: ActiveModel,
    { batch, unreadable }: NonNullable<LaneBatch['challenger']>,
    rowMs: number | undefined,
  ): Promise<LaneResult['challenger']> {
    const { engine, refused, clock } = this.#deps;
    if (unreadable > 0) {
      refused(
        'CHALLENGER_INPUT_INVALID',
        'the challenger cannot read samples that the champion can',
        unreadable,
      );
      this.#observe(model, 'error', unreadable);
    }
    if (batch.rows === 0) return null;
    try {
      const options = { ...trialOptions(rowMs, batch.rows), once: true };
      const result = await engine.run(model.manifestSha256, batch, options);
      this.#observe(model, 'ok', batch.rows, result.computeUs);
      this.#deps.figures?.executed(this.#deps.slot, model, { rows: batch.rows, inputUs: 0, ...result });
      return { result, doneUs: clock.monotonicUs() };
    } catch (error) {
      const code = codeOf(error);
      refused(code, `challenger ${modelTitle(model.manifest)}: ${String(error)}`);
      this.#observe(model, 'error', 1);
      this.#deps.figures?.failed(this.#deps.slot, model, batch.rows);
      return null;
    }
  }

  /** Pictures that the engine could not decode: they alone are refused. */
  #unreadable(champion: ActiveModel, { unreadable = [] }: EngineResult): void {
    for (const [, reason] of unreadable) this.#deps.refused('IMAGE_UNREADABLE', reason);
    if (unreadable.length > 0) this.#observe(champion, 'unreadable', unreadable.length);
  }

  #observe(model: ActiveModel, outcome: 'ok' | 'error' | 'unreadable', count: number, computeUs?: number) {
    this.#deps.observe(this.#deps.slot, model.manifestSha256, outcome, count, computeUs);
  }

  #decided(
    models: SlotModels,
    batch: LaneBatch,
    champion: EngineResult,
    championDoneUs: number,
    challenger: LaneResult['challenger'],
  ): NewPrediction[] {
    const { slot, config, clock } = this.#deps;
    const monitor = this.#monitorOf(models.champion);
    const { width } = this.#readerOf(models.champion);
    const keep = (config.keepFeatures || config.privacy === 'features') && width <= MAX_KEPT_WIDTH;
    const decidedUs = clock.monotonicUs();
    const predictions = predictionsOf(
      slot,
      models,
      batch,
      { champion, challenger, championDoneUs, decidedUs },
      (model) => this.#deciderOf(model),
      (row, timeMs) => {
        const health = monitor.health(row, timeMs);
        monitor.observe(row);
        return health;
      },
      keep,
    );
    for (const { latencyUs } of predictions) monitor.latency(latencyUs);
    const outputUs = clock.monotonicUs() - decidedUs;
    this.#deps.figures?.decided(slot, models.champion, outputUs, waits(batch.items, decidedUs));
    return predictions;
  }

  /** Hands a batch to the recorder at once; resolves when it is committed. */
  async #record(items: readonly Item[], predictions: readonly NewPrediction[] | null): Promise<void> {
    const { slot, config, models, recorder, refused, onCommitted, figures, clock } = this.#deps;
    const handedUs = clock.monotonicUs();
    const position = items.at(-1)?.sample.position ?? null;
    try {
      if (predictions === null || (predictions.length === 0 && position === null)) return;
      // Samples that gave no prediction move the position too: they are not read again.
      const stored = await recorder.predictions({ slot, source: config.source, position, predictions });
      const champion = models.of(slot)?.champion;
      if (champion) figures?.committed(slot, champion, stored.length, clock.monotonicUs() - handedUs);
      if (stored.length > 0) onCommitted(slot, stored);
    } catch (error) {
      // The store has counted them.
      refused(codeOf(error), `predictions were not recorded: ${String(error)}`, 0);
    } finally {
      this.#uncommitted -= items.length;
      this.#pumpSoon();
    }
  }

  async #modelsOrEnd(): Promise<SlotModels | undefined> {
    const { models, slot } = this.#deps;
    while (!models.of(slot) && !this.#draining) await this.#forModels.wait();
    return models.of(slot);
  }

  #readerOf(model: ActiveModel): InputReader {
    const known = this.#readers.get(model);
    if (known) return known;
    const reader = new InputReader(model.manifest.input, this.#windowers);
    this.#readers.set(model, reader);
    return reader;
  }

  #deciderOf(model: ActiveModel): Decider {
    const known = this.#deciders.get(model);
    if (known) return known;
    const decider = new Decider(model.manifest.output.decision);
    this.#deciders.set(model, decider);
    return decider;
  }

  #monitorOf(champion: ActiveModel): LaneMonitor {
    if (this.#monitor?.champion !== champion) {
      this.#monitor = { champion, monitor: this.#deps.monitorOf(this.#deps.slot, champion) };
    }
    return this.#monitor.monitor;
  }
}

/** @returns microseconds from accepted to `untilUs`, an item each */
function* waits(items: readonly Item[], untilUs: number): Iterable<number> {
  for (const { acceptedUs } of items) yield untilUs - acceptedUs;
}

/** A model on trial is taken to hang sooner; what kills the engine goes to its successor, not to the same model again. */
function trialOptions(rowMs: number | undefined, rows: number): RunOptions {
  return rowMs === undefined ? {} : { timeoutMs: deadlineMs(rowMs, rows), once: true };
}
