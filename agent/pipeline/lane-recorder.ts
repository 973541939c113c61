/** Records what a lane has answered, in the order of its samples, and gives the callers their answers when they are due. */
import { codeOf } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { ActiveModels } from '../models/active-models.ts';
import type { InferenceObserver } from '../monitor/inference-figures.ts';
import type { StoredPrediction } from '../store/records.ts';
import type { Recorder } from '../store/store.ts';
import type { Answered } from './batch-runner.ts';
import { LaneFigures } from './lane-figures.ts';
import type { Reply } from './lane-reply.ts';

export interface LaneRecorderDeps {
  readonly slot: string;
  readonly config: Pick<SlotConfig, 'source' | 'recordBefore' | 'requests'>;
  readonly models: ActiveModels;
  readonly clock: Clock;
  readonly figures?: InferenceObserver;
  readonly recorder: Pick<Recorder, 'predictions'>;
  readonly onCommitted: (slot: string, predictions: readonly StoredPrediction[]) => void;
  readonly refused: (code: string, reason: string, count?: number) => void;
  /** Rows were committed, or are lost and counted. */
  readonly onDone: () => void;
}

export class LaneRecorder {
  readonly #deps: LaneRecorderDeps;
  readonly #figures: LaneFigures;
  #uncommitted = 0;
  /** All batches before the newest one are handed to the store. */
  #handedOver: Promise<void> = Promise.resolve();
  /** All that was handed over is committed, or counted as lost. */
  #committed: Promise<void> = Promise.resolve();

  constructor(deps: LaneRecorderDeps) {
    this.#deps = deps;
    this.#figures = new LaneFigures(deps.slot, deps.figures);
  }

  /** Rows decided or being decided, and not yet committed. */
  get uncommitted(): number {
    return this.#uncommitted;
  }

  /**
   * Recorded behind all that was added before, whichever batch had to be repeated.
   * @param answered null: these rows were never read
   * @param position of the last sample that a source can read again
   */
  add(rows: number, position: number | null, answered: Promise<Answered | null>): void {
    this.#uncommitted += rows;
    const previous = this.#handedOver;
    this.#handedOver = answered.then(async (answer) => {
      await previous;
      const commit = this.#record(rows, position, answer);
      // A batch without predictions is done at once, also while the one before it is not.
      this.#committed = this.#committed.then(() => commit);
    });
  }

  /** Resolves when what was added by now is committed or counted as lost. */
  async settled(): Promise<void> {
    await this.#handedOver;
    await this.#committed;
  }

  async #record(rows: number, position: number | null, answer: Answered | null): Promise<void> {
    const { slot, config, models, clock, recorder, refused, onCommitted, onDone } = this.#deps;
    const { predictions = [], replies = [] } = answer ?? {};
    const handedUs = clock.monotonicUs();
    const waits = config.recordBefore === 'result' && config.requests.record;
    if (!waits) for (const { request, asked } of replies) request.answer(asked);
    try {
      if (answer === null || (predictions.length === 0 && position === null)) return;
      // Samples that gave no prediction move the position too: they are not read again.
      const stored = await recorder.predictions({ slot, source: config.source, position, predictions });
      if (waits) for (const reply of replies) answerRecorded(reply, stored);
      this.#figures.committed(models.of(slot), stored, clock.monotonicUs() - handedUs);
      if (stored.length > 0) onCommitted(slot, stored);
    } catch (error) {
      if (waits) for (const { request } of replies) request.refuse(error);
      // The store has counted them.
      refused(codeOf(error), `predictions were not recorded: ${String(error)}`, 0);
    } finally {
      this.#uncommitted -= rows;
      onDone();
    }
  }
}

function answerRecorded({ request, asked, first }: Reply, stored: readonly StoredPrediction[]): void {
  const predictionIds = stored.slice(first, first + request.rows).map(({ id }) => id);
  request.answer({ ...asked, predictionIds });
}
