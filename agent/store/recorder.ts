/** What the rooms hand over to be recorded, put into the queue of the next commit. */
import type { LineEvent } from '../sources/source.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { PredictionWriter } from './prediction-writer.ts';
import type { NewEvent, NewFeedback, NewMetric, StoredPrediction } from './records.ts';
import type { RowWriters } from './row-writers.ts';
import type { Recorder } from './store.ts';

export class QueueRecorder implements Recorder {
  readonly #queue: CommitQueue;
  readonly #predictions: PredictionWriter;
  readonly #rows: RowWriters;

  constructor(queue: CommitQueue, predictions: PredictionWriter, rows: RowWriters) {
    this.#queue = queue;
    this.#predictions = predictions;
    this.#rows = rows;
  }

  predictions({
    slot,
    source,
    position,
    predictions,
  }: Parameters<Recorder['predictions']>[0]): Promise<StoredPrediction[]> {
    return this.#queue.add(predictions.length, () => {
      const stored = this.#predictions.write(predictions);
      if (position !== null) this.#predictions.moveTo(slot, source, position);
      return stored;
    });
  }

  feedback(records: readonly NewFeedback[]): Promise<void> {
    return this.#queue.add(records.length, () => this.#rows.feedback(records));
  }

  metrics(records: readonly NewMetric[]): Promise<void> {
    return this.#queue.add(records.length, () => this.#rows.metrics(records));
  }

  events(records: readonly NewEvent[]): Promise<void> {
    return this.#queue.add(records.length, () => this.#rows.events(records));
  }

  lineEvents(events: readonly LineEvent[]): Promise<void> {
    return this.#queue.add(events.length, () => this.#rows.lineEvents(events));
  }
}
