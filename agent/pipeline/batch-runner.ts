/** Has a batch of a lane answered: by the champion, with the challenger beside it; by a successor where the champion fails. */
import { codeOf } from '../../protocol/errors.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import type { Clock } from '../clock.ts';
import type { SlotConfig } from '../config/schema.ts';
import { agentError } from '../errors.ts';
import type { Engine, EngineResult, RunOptions } from '../inference/engine.ts';
import type { ActiveModel, ActiveModels, SlotModels } from '../models/active-models.ts';
import { deadlineMs } from '../models/deadline.ts';
import type { InferenceObserver } from '../monitor/inference-figures.ts';
import type { NewPrediction } from '../store/records.ts';
import { type LaneBatch, laneBatch } from './lane-batch.ts';
import { type LaneResult, predictionsOf } from './lane-decision.ts';
import { LaneFigures } from './lane-figures.ts';
import type { Item } from './lane-item.ts';
import { LaneModels } from './lane-models.ts';
import type { LaneMonitor } from './lane-monitor.ts';
import { type Reply, repliesOf } from './lane-reply.ts';
import { requestsOf } from './lane-request.ts';

export interface BatchRunnerDeps {
  readonly slot: string;
  readonly config: Pick<SlotConfig, 'keepFeatures' | 'requests' | 'exploration'>;
  readonly models: ActiveModels;
  readonly engine: Pick<Engine, 'run'>;
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
  readonly clock: Clock;
  /** Counts under a code, and says why in the log now and then. */
  readonly refused: (code: string, reason: string, count?: number) => void;
  /** Resolves when the slot has models; undefined when the lane ends without. */
  readonly modelsOrEnd: () => Promise<SlotModels | undefined>;
}

/** What a batch came to; the samples that could not be answered are counted, and their requests refused. */
export interface Answered {
  /** To be recorded. */
  readonly predictions: readonly NewPrediction[];
  readonly replies: readonly Reply[];
}

const NOTHING: Answered = { predictions: [], replies: [] };
/** Wider rows are not kept: the record of a prediction has room for this many values. */
const MAX_KEPT_WIDTH = 1024;

export class BatchRunner {
  readonly #deps: BatchRunnerDeps;
  readonly #lane: LaneModels;
  readonly #figures: LaneFigures;

  constructor(deps: BatchRunnerDeps) {
    this.#deps = deps;
    this.#figures = new LaneFigures(deps.slot, deps.figures);
    this.#lane = new LaneModels((champion) => deps.monitorOf(deps.slot, champion));
  }

  /** @returns null when the lane ends with no model: then the items count as never read */
  async answer(items: readonly Item[]): Promise<Answered | null> {
    let open = items;
    for (;;) {
      const models = this.#deps.models.of(this.#deps.slot) ?? (await this.#deps.modelsOrEnd());
      if (!models) {
        this.#drop(open, 'the slot has no model');
        return null;
      }
      const { champion, challenger, trialRowMs } = models;
      const takenUs = this.#deps.clock.monotonicUs();
      const batch = this.#read(open, models);
      // Rejected once is rejected: what is left may be asked of a successor.
      open = batch.items;
      if (open.length === 0) return NOTHING;
      const inputUs = this.#deps.clock.monotonicUs() - takenUs;
      const beside =
        challenger && batch.challenger
          ? this.#look(challenger.model, batch.challenger, open, trialRowMs?.challenger)
          : null;
      try {
        const options = trialOptions(trialRowMs?.champion, open.length);
        const result = await this.#deps.engine.run(champion.manifestSha256, batch.champion, options);
        const championDoneUs = this.#deps.clock.monotonicUs();
        this.#ran(champion, batch.champion.rows, open, inputUs, result);
        this.#unreadable(champion, batch, result);
        return this.#decided(models, batch, { champion: result, championDoneUs, takenUs }, await beside);
      } catch (error) {
        await beside;
        const verdict = this.#failed(error, champion, open);
        if (verdict === 'retry') continue;
        if (verdict === 'drop') return NOTHING;
        const first = await this.answer(open.slice(0, verdict));
        const second = await this.answer(open.slice(verdict));
        return first && second && both(first, second);
      }
    }
  }

  #read(items: readonly Item[], { champion, challenger }: SlotModels): LaneBatch {
    let unreadable = 0;
    const batch = laneBatch(
      items,
      this.#lane.readerOf(champion),
      challenger && this.#lane.readerOf(challenger.model),
      ({ request }, reason) => {
        this.#deps.refused('SAMPLE_INVALID', reason);
        // A caller's own mistake says nothing of the model.
        if (request) request.refuse(agentError('SAMPLE_INVALID', reason));
        else unreadable += 1;
      },
    );
    if (unreadable > 0) this.#observe(champion, 'unreadable', unreadable);
    return batch;
  }

  /** @returns what to do with the items: ask again (another champion is there), drop them, or split them at an index */
  #failed(error: unknown, champion: ActiveModel, items: readonly Item[]): 'retry' | 'drop' | number {
    const { slot, models, refused } = this.#deps;
    const code = codeOf(error);
    // One bad row spoils a batch: only rows that fail alone are errors of the model.
    const half = code === 'ENGINE_OUTPUT_INVALID' ? middleOf(items) : 0;
    if (half > 0) return half;
    refused(code, `${modelTitle(champion.manifest)}: ${String(error)}`);
    this.#observe(champion, 'error', items.length);
    if (models.of(slot)?.champion !== champion) return 'retry';
    this.#drop(items, 'the model could not answer', error);
    this.#figures.dropped(champion, items, this.#deps.clock.monotonicUs());
    return 'drop';
  }

  #drop(items: readonly Item[], reason: string, error?: unknown): void {
    this.#deps.refused('SAMPLE_DROPPED', reason, items.length);
    for (const request of requestsOf(items)) request.refuse(error ?? agentError('MODEL_NOT_ACTIVE', reason));
  }

  /** The challenger's answer; its failure is its own and nobody else's. */
  async #look(
    model: ActiveModel,
    { batch, unreadable }: NonNullable<LaneBatch['challenger']>,
    items: readonly Item[],
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
      this.#ran(model, batch.rows, items, 0, result);
      return { result, doneUs: clock.monotonicUs() };
    } catch (error) {
      const code = codeOf(error);
      refused(code, `challenger ${modelTitle(model.manifest)}: ${String(error)}`);
      this.#observe(model, 'error', 1);
      this.#figures.dropped(model, items, clock.monotonicUs());
      return null;
    }
  }

  /** Pictures that the engine could not decode: they alone are refused, and with them the requests that they came in. */
  #unreadable(champion: ActiveModel, { items }: LaneBatch, { unreadable = [] }: EngineResult): void {
    let ofSource = 0;
    for (const [row, reason] of unreadable) {
      const request = items[row]?.request;
      if (request) request.refuse(agentError('IMAGE_UNREADABLE', reason));
      else ofSource += 1;
      this.#deps.refused('IMAGE_UNREADABLE', reason);
    }
    if (ofSource > 0) this.#observe(champion, 'unreadable', ofSource);
  }

  #ran(
    model: ActiveModel,
    rows: number,
    items: readonly Item[],
    inputUs: number,
    { computeUs, cachedRows = 0 }: EngineResult,
  ): void {
    this.#observe(model, 'ok', rows, computeUs);
    this.#figures.executed(model, rows, { items, inputUs, computeUs, cachedRows });
  }

  #observe(model: ActiveModel, outcome: 'ok' | 'error' | 'unreadable', count: number, computeUs?: number) {
    this.#deps.observe(this.#deps.slot, model.manifestSha256, outcome, count, computeUs);
  }

  #decided(
    models: SlotModels,
    batch: LaneBatch,
    done: Pick<LaneResult, 'champion' | 'championDoneUs'> & { readonly takenUs: number },
    challenger: LaneResult['challenger'],
  ): Answered {
    const { slot, config, clock } = this.#deps;
    const { champion, championDoneUs, takenUs } = done;
    const monitor = this.#lane.monitorOf(models.champion);
    const { width } = this.#lane.readerOf(models.champion);
    const keep = config.keepFeatures && width <= MAX_KEPT_WIDTH;
    const result = { champion, challenger, championDoneUs, decidedUs: clock.monotonicUs() };
    const outcomes = predictionsOf(
      slot,
      models,
      batch,
      result,
      (model) => this.#lane.deciderOf(model),
      (row, timeMs) => {
        const health = monitor.health(row, timeMs);
        monitor.observe(row);
        return health;
      },
      keep,
      config.exploration,
    );
    const predictions = outcomes.filter((outcome) => outcome !== null);
    const latenciesUs = predictions.map(({ latencyUs }) => latencyUs);
    const { manifestSha256 } = models.champion;
    monitor.predicted(
      latenciesUs,
      predictions.map(({ model, label, shadow }) =>
        model === manifestSha256 ? label : (shadow?.label ?? -1),
      ),
    );
    const outputUs = clock.monotonicUs() - result.decidedUs;
    this.#figures.decided(models, { items: batch.items, outcomes, takenUs, outputUs });
    const ofSources = () => outcomes.filter((outcome, i) => outcome && !batch.items[i]?.request);
    return {
      predictions: config.requests.record ? predictions : ofSources().filter((outcome) => outcome !== null),
      replies: repliesOf(models, batch, result, outcomes),
    };
  }
}

function both(a: Answered, b: Answered): Answered {
  return {
    predictions: [...a.predictions, ...b.predictions],
    replies: [
      ...a.replies,
      ...b.replies.map((reply) => ({ ...reply, first: reply.first + a.predictions.length })),
    ],
  };
}

/** The place nearest to the middle where no request is torn apart; 0 when there is none. */
function middleOf(items: readonly Item[]): number {
  const isSeam = (at: number) =>
    at > 0 && at < items.length && (!items[at]?.request || items[at]?.request !== items[at - 1]?.request);
  const middle = Math.ceil(items.length / 2);
  for (let step = 0; step <= middle; step++) {
    if (isSeam(middle + step)) return middle + step;
    if (isSeam(middle - step)) return middle - step;
  }
  return 0;
}

/** A model on trial is taken to hang sooner; what kills the engine goes to its successor, not to the same model again. */
function trialOptions(rowMs: number | undefined, rows: number): RunOptions {
  return rowMs === undefined ? {} : { timeoutMs: deadlineMs(rowMs, rows), once: true };
}
