/** What the figures are told of a lane's batches: by the model that decided, and by request; a sample is a request of one row. */
import type { ActiveModel, SlotModels } from '../models/active-models.ts';
import type { InferenceObserver } from '../monitor/inference-figures.ts';
import type { NewPrediction, StoredPrediction } from '../store/records.ts';
import type { Item } from './lane-item.ts';

/** Of one run of the engine. */
interface Ran {
  readonly items: readonly Item[];
  readonly inputUs: number;
  readonly computeUs: number;
  /** Of the rows, what the cache had. */
  readonly cachedRows: number;
}

/** What was decided, one an item, and when its batch was made. */
interface DecidedBatch {
  readonly items: readonly Item[];
  readonly outcomes: readonly (Pick<NewPrediction, 'role' | 'latencyUs'> | null)[];
  readonly takenUs: number;
  readonly outputUs: number;
}

export class LaneFigures {
  readonly #slot: string;
  readonly #observer: InferenceObserver | undefined;

  constructor(slot: string, observer: InferenceObserver | undefined) {
    this.#slot = slot;
    this.#observer = observer;
  }

  /** @param rows of the items that this model was given */
  executed(model: ActiveModel, rows: number, { items, inputUs, computeUs, cachedRows }: Ran): void {
    const ranRows = rows - cachedRows;
    if (!this.#observer || ranRows <= 0) return;
    const requests = Math.min(ranRows, firstsOf(items).length);
    this.#observer.executed(this.#slot, model, { rows: ranRows, requests, inputUs, computeUs });
  }

  /** Samples that no model could answer; a caller's request tells so itself when it is refused. */
  dropped(model: ActiveModel, items: readonly Item[], nowUs: number): void {
    const waitsUs = items.flatMap(({ request, acceptedUs }) => (request ? [] : [nowUs - acceptedUs]));
    this.#observer?.failed(this.#slot, model, waitsUs);
  }

  decided({ champion, challenger }: SlotModels, batch: DecidedBatch): void {
    const { items, outcomes, takenUs, outputUs } = batch;
    if (!this.#observer) return;
    const firsts = firstsOf(items).filter((i) => outcomes[i]);
    for (const model of challenger ? [champion, challenger.model] : [champion]) {
      const isOwn = (i: number) => (outcomes[i]?.role === 'canary') === (model !== champion);
      const own = challenger ? firsts.filter(isOwn) : firsts;
      if (own.length === 0) continue;
      const waitsUs = own.map((i) => takenUs - (items[i]?.acceptedUs ?? takenUs));
      this.#observer.queued(this.#slot, model, waitsUs);
      const requestsUs = own.map((i) => outcomes[i]?.latencyUs ?? 0);
      this.#observer.decided(this.#slot, model, outputUs, requestsUs);
    }
  }

  /** @param models of this moment: what one decided that is gone by now is not told of */
  committed(models: SlotModels | undefined, stored: readonly StoredPrediction[], us: number): void {
    if (!this.#observer || !models) return;
    const { champion, challenger } = models;
    for (const model of challenger ? [champion, challenger.model] : [champion]) {
      const rows = stored.filter((prediction) => prediction.model === model.manifestSha256).length;
      if (rows > 0) this.#observer.committed(this.#slot, model, rows, us);
    }
  }
}

/** Indices of samples, and of the first row of each request. */
function firstsOf(items: readonly Item[]): number[] {
  const firsts: number[] = [];
  for (let i = 0; i < items.length; i++) {
    const request = items[i]?.request;
    if (!request || request !== items[i - 1]?.request) firsts.push(i);
  }
  return firsts;
}
