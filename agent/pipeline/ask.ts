/** A request for predictions that comes from a caller who waits: what it brings, and what it is answered with. */
import type { Role } from '../../protocol/records.ts';
import type { BatchData } from '../inference/engine.ts';
import type { NamedTensor } from '../inference/tensor.ts';

export interface Ask {
  /** Samples, at least one: they go through the engine together and are decided by the same model. */
  readonly rows: number;
  /**
   * The model's input tensor, row-major: rows x the width of one sample; for a model of images one encoded picture a row;
   * for one of tensors each row's inputs. Not copied; unchanged until the answer.
   */
  readonly data: BatchData;
  /** Outputs that are wanted beside the one that the decision reads. Such requests share runs among themselves only. */
  readonly extraOutputs?: readonly string[];
  /** One of those cannot be cut into the samples of several requests: this one runs by itself. */
  readonly alone?: boolean;
  /** A part or serial number for each row; absent: none. */
  readonly correlationIds?: readonly (string | null)[];
  /** 1 is first, 0 the slot's default. */
  readonly priority?: number;
  /** A request that waits longer than this is refused, not run. Absent or 0: it waits. */
  readonly timeoutUs?: number;
}

export interface Asked {
  /** sha256 of the manifest of the model that decided, and its integer version. */
  readonly model: string;
  readonly version: number;
  readonly role: Exclude<Role, 'shadow'>;
  /** Row-major, rows x width: the output that the decision reads. */
  readonly output: Float32Array;
  readonly width: number;
  /** Those of the extra outputs that the model has. */
  readonly extras?: readonly NamedTensor[];
  /** One a row. */
  readonly decisions: readonly {
    readonly label: string;
    readonly score: number;
    /** The part would be taken off the line by this label, and is to go on for inspection, by chance. */
    readonly explored?: true;
    /** Where the model's `topK` says so: the best labels, best first. */
    readonly top?: readonly { readonly label: string; readonly score: number }[];
  }[];
  /** One a row, once they are committed; null where the slot does not record requests, or answers before the commit. */
  readonly predictionIds: readonly string[] | null;
  /** From its acceptance until it was given to the engine. */
  readonly queueUs: number;
  /** Inside ONNX Runtime, of the whole batch that it travelled in; and that batch's rows. 0 for an answer of the cache. */
  readonly computeUs: number;
  readonly batchRows: number;
}
