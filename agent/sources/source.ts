/** Where samples come from. One file a kind of source; the pipeline sees only this. */
import type { Tags } from '../../protocol/tags.ts';
import type { NamedTensor } from '../inference/tensor.ts';

export interface Sample {
  /** Id of the source in the config. */
  readonly source: string;
  /** When it was observed, wall clock ms. */
  readonly timeMs: number;
  /** Part or serial number that later evidence will name. */
  readonly correlationId: string | null;
  /** Named values as they came; null or absent is missing. Empty when the sample is a tensor, a picture or tensors. */
  readonly features: Readonly<Record<string, number | string | null>>;
  /** Samples with equal tags had best share the object. */
  readonly tags?: Tags;
  readonly tensor?: Uint8Array | Float32Array;
  /** The bytes of an encoded picture. */
  readonly image?: Uint8Array;
  /** One a graph's input. */
  readonly tensors?: readonly NamedTensor[];
  /**
   * Place of this sample in a source that can be read again (a file), counting from 1; committed with its prediction,
   * so that a restart goes on right after it. Absent for a live source.
   */
  readonly position?: number;
}

/** Something that happened on the line, named by the part it happened to. */
export interface LineEvent {
  readonly timeMs: number;
  /** Kebab-case: `machine-failed`, `part-reworked`, `passed-downstream`, `reject-gate-fired`, `alarm-acknowledged`. */
  readonly kind: string;
  readonly correlationId: string | null;
  readonly station: string | null;
  /** How long what it tells of took. */
  readonly durationMs?: number;
  /** The prediction that it is about, where that is known: somebody looked at it on the page. */
  readonly predictionSeq?: number;
}

/** What a slot decided of a part, on its way back to the line. */
export interface LineDecision {
  readonly slot: string;
  readonly correlationId: string | null;
  /** By name. */
  readonly label: string;
  /** Whatever the label says: this part goes on for inspection. */
  readonly explored: boolean;
}

export interface SampleSink {
  /** False when the pipeline's queue is full: a source that can wait awaits `ready()` first. */
  hasRoom(): boolean;
  ready(): Promise<void>;
  /** Takes a sample; when there is no room it is dropped and counted. */
  sample(sample: Sample): void;
  event(event: LineEvent): void;
  /** Something unusable came in (a bad row, a malformed event): counted under `code`, logged at most once a minute a code. */
  refused(code: string, message: string): void;
}

export interface Source {
  readonly id: string;
  /**
   * Begins to deliver; returns when delivery has begun.
   * @param after deliver only positions greater than this (0: from the start)
   */
  start(sink: SampleSink, after: number): Promise<void>;
  /** Delivers nothing after it returns. */
  stop(): Promise<void>;
  /** Takes what was decided of its parts, in order: a gate at the line's end acts by it. */
  decided?(decisions: readonly LineDecision[]): void;
  /** True when a finite source has delivered all it had. */
  done(): boolean;
}
