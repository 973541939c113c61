/**
 * The device's memory: one SQLite file in WAL mode with group commit. Knows nothing of MQTT, models or pages.
 * What a promise of this surface says is committed has been fsynced.
 */
import type { TaggedCount } from '../../protocol/evidence/outcome-count.ts';
import type { Feedback, RecordOf, Stream } from '../../protocol/records.ts';
import type { LineEvent } from '../sources/source.ts';
import type { Inherited } from './epoch.ts';
import type { NewEvent, NewFeedback, NewMetric, NewPrediction, StoredPrediction } from './records.ts';

export interface Store {
  /** 16 hex digits, new with every new or restored database file. */
  readonly epoch: string;
  /** The epochs that this one goes on from; empty for most. */
  readonly inherits: Inherited;
  /** Records that no server had and that went with a damaged database when this one was opened; null: it was sound. */
  readonly goneRecords: number | null;
  /** 8 hex digits, new with every start. */
  readonly run: string;
  readonly recorder: Recorder;
  readonly streams: StreamLog;
  readonly predictions: PredictionLog;
  readonly states: StateTable;
  sizeBytes(): number;
  /** Records that retention had to drop before they were acknowledged, since the epoch began. */
  droppedUnacked(): number;
  /** Of those, predictions that were thinned out: others like them were kept and stand for them. */
  thinnedOut(): number;
  /** Code of the error (STORE_FULL, …) by which the last write was not recorded; null while recording works. */
  failing(): string | null;
  /**
   * Copies the database while it is used; the copy begins a new epoch wherever it is opened.
   * @param file appears when it is whole
   * @throws CodedError STORE_FULL, STORE_CORRUPT, STORE_UNWRITABLE
   */
  backUp(file: string): Promise<void>;
  /** Waits for what is under way, then closes. Nothing may be recorded after it. */
  close(): Promise<void>;
}

/** Why a database must be opened again: it is damaged, or a server has records under numbers that it gives out anew. */
export type ReopenReason = 'damaged' | 'overtaken';

/**
 * Group commit: everything handed over within `commitWithinMs` is one fsynced transaction. Promises resolve after it;
 * of a promise that rejects the store has counted the records, under the error's code.
 */
export interface Recorder {
  /**
   * A slot's decided samples in order. Shadows get the seq right after their deciding prediction.
   * @param position place reached in a source that can be read again; committed with the predictions
   * @returns the deciding predictions (no shadows), committed
   */
  predictions(batch: {
    readonly slot: string;
    readonly source: string;
    readonly position: number | null;
    readonly predictions: readonly NewPrediction[];
  }): Promise<StoredPrediction[]>;
  feedback(records: readonly NewFeedback[]): Promise<void>;
  metrics(records: readonly NewMetric[]): Promise<void>;
  events(records: readonly NewEvent[]): Promise<void>;
  /** Line events are kept for the feedback rules; they do not leave the device by themselves. */
  lineEvents(events: readonly LineEvent[]): Promise<void>;
}

/** The streams as the uploader reads them. */
export interface StreamLog {
  /**
   * Records after `afterSeq`, in order, at most `limit`; `gapBefore` tells how many right before the first were dropped.
   * Thinning leaves gaps between predictions, too.
   * Features are filled in where they were kept; whether they may leave is the uploader's business.
   */
  read<S extends Stream>(
    stream: S,
    afterSeq: number,
    limit: number,
  ): { records: RecordOf[S][]; gapBefore: number };
  /** Last committed seq; 0 when empty. */
  head(stream: Stream): number;
  acked(stream: Stream): number;
  /** Committed records that are here and that the server has not acknowledged. */
  waiting(stream: Stream): number;
  /** Moves the cursor forward (never back, never past the head). */
  ack(stream: Stream, seq: number): void;
  /**
   * Beyond this seq a server may have other records under the numbers of ours; undefined: it has shown that it has not.
   * Nothing beyond it may leave.
   */
  unproven(stream: Stream): number | undefined;
  /** The server has no more of this stream than was here. Resolves once that is durable. @throws CodedError STORE_FULL, STORE_UNWRITABLE */
  prove(stream: Stream): Promise<void>;
  /**
   * The server has more of this stream than was here: asks to be opened again, under a new epoch.
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE
   */
  overtaken(stream: Stream, serverSeq: number): void;
}

/** Predictions as rules and pages read them. Deciding roles only, unless it says otherwise. */
export interface PredictionLog {
  bySeq(seq: number): StoredPrediction | undefined;
  /**
   * The newest deciding prediction of this part in this slot.
   * @param notAfterMs a line may use part numbers again: rather one made by then, if there is any
   */
  byCorrelationId(slot: string, correlationId: string, notAfterMs?: number): StoredPrediction | undefined;
  /** Deciding predictions of a slot made in this time, both ends included, oldest first. Rows must stand in the order of their time, from where `timesBeginAnew` said so last. */
  madeBetween(slot: string, fromMs: number, toMs: number, limit: number): StoredPrediction[];
  /** The clock went back: times of the predictions to come do not compare with those before. */
  timesBeginAnew(): void;
  recent(slot: string, limit: number): StoredPrediction[];
  /**
   * What is worth showing again, newest first: the newest `limit` that `raised` finds, and the newest `limit` whose label in
   * force is another than what was said. Cheap to ask often; `raised` and `limit` must stay the same for a slot.
   */
  notable(query: {
    readonly slot: string;
    readonly raised: (prediction: { readonly label: number; readonly score: number }) => boolean;
    readonly limit: number;
  }): StoredPrediction[];
  /** Place up to which a slot has committed a source that can be read again; 0 at first. */
  position(slot: string, source: string): number;
  /** Predictions with seq > afterSeq made at or before `untilMs`, oldest first: for absence rules. */
  madeBefore(slot: string, afterSeq: number, untilMs: number, limit: number): StoredPrediction[];
  /**
   * As `madeBefore`, with the place up to which it has looked: no prediction of this slot up to `through` is still to come.
   * Stops at the first one made after `untilMs`, but passes over those made after `plausibleMs`: their clock is wrong.
   */
  dueAfter(query: { slot: string; afterSeq: number; untilMs: number; plausibleMs: number; limit: number }): {
    due: StoredPrediction[];
    through: number;
  };
  /**
   * True when a line event of this kind is kept, about this part, or at this station about a part that it does not name.
   * @param span when it was observed, both ends included
   */
  hasLineEvent(
    kind: string,
    about: { readonly correlationId: string | null; readonly station: string | null },
    span?: { readonly fromMs: number; readonly toMs: number },
  ): boolean;
  /** Line events in the order they came in, with id > `id`. */
  lineEventsAfter(id: number, limit: number): { id: number; receivedMs: number; event: LineEvent }[];
  /** The label that stands. */
  labelOf(
    predictionSeq: number,
  ): { label: number; kind: 'explicit' | 'implicit'; rule: string; evidence: string } | undefined;
  /** All evidence about a prediction, the oldest record first: also what was revised or taken back. */
  evidenceOf(predictionSeq: number): Feedback[];
  /**
   * Labelled predictions of one model in a slot, for the online metric; tags and starts of the agent are counted apart.
   * Cheap to ask often; labels given more than two weeks ago may be left out.
   */
  outcomes(query: OutcomeQuery): TaggedCount[];
}

export interface OutcomeQuery {
  readonly slot: string;
  readonly model: string;
  /** Shadows count where it is `any`. */
  readonly role: 'deciding' | 'any';
}

/** Small durable state of other rooms, as JSON under a key; written in one fsynced transaction. */
export interface StateTable {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  delete(key: string): void;
  /** Keys that begin with `prefix`. */
  keys(prefix: string): string[];
}
