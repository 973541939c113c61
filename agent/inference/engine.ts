/** What the rest of the agent knows of the engine: it loads packages and runs batches, somewhere outside this process. */
import type { Manifest } from '../../protocol/manifest.ts';
import type { Unreadable } from './image-decoder.ts';
import type { GraphSignature, NamedTensor } from './tensor.ts';

export interface EngineModel {
  readonly manifestSha256: string;
  /** Absolute path of the verified package folder. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Samples of a batch: row-major values (rows x the width of one sample); for a model of images one encoded picture each;
 * for one of tensors each sample's inputs.
 */
export type BatchData =
  | Float32Array
  | Uint8Array
  | readonly Uint8Array[]
  | readonly (readonly NamedTensor[])[];

export interface EngineBatch {
  readonly rows: number;
  readonly data: BatchData;
  /** Names of outputs that are wanted beside the one that the decision reads; those that the graph lacks are left out. */
  readonly extraOutputs?: readonly string[];
}

export interface EngineResult {
  /** Row-major, rows x width. */
  readonly output: Float32Array;
  readonly width: number;
  /** Time inside ONNX Runtime and, for pictures, their decoding; microseconds. */
  readonly computeUs: number;
  /** Pictures that could not be read: their rows of the output say nothing. */
  readonly unreadable?: readonly Unreadable[];
  /** Of the rows, those that were not run: a cache had them. */
  readonly cachedRows?: number;
  /** The extra outputs of each row. One that cannot be cut into rows stands whole with the first row of its run. */
  readonly extras?: readonly (readonly NamedTensor[])[];
}

export interface InferResult {
  /** In the order that was asked for. */
  readonly outputs: readonly NamedTensor[];
  readonly computeUs: number;
}

export interface RunOptions {
  /** In place of the engine's own. */
  readonly timeoutMs?: number | undefined;
  /** A batch that kills the engine is not run again by its successor. */
  readonly once?: boolean;
}

/** A model that is loaded, and that nobody asks but its test. */
export interface Trial {
  /** As `Engine.run`. */
  run(batch: EngineBatch, options?: RunOptions): Promise<EngineResult>;
  /** By which its process has grown since before it was loaded. */
  growthBytes(): Promise<number>;
  /** From now on it is loaded as by `Engine.load`. @throws CodedError ENGINE_*, SELF_TEST_IMPOSSIBLE */
  adopt(): Promise<void>;
  discard(): void;
}

export interface Engine {
  start(): Promise<void>;
  /**
   * Loads, checks that the graph's inputs and outputs are those of the manifest, warms up.
   * @throws CodedError ENGINE_MODEL_UNREADABLE, ENGINE_INPUT_MISMATCH
   */
  load(model: EngineModel): Promise<void>;
  /**
   * Runs one batch. A batch that was in flight when the engine died is run again by its successor, once at most.
   * @throws CodedError ENGINE_CRASHED, ENGINE_TIMEOUT, ENGINE_OUTPUT_INVALID (NaN or a wrong shape), MODEL_NOT_ACTIVE
   */
  run(manifestSha256: string, batch: EngineBatch, options?: RunOptions): Promise<EngineResult>;
  /**
   * Runs the graph once on tensors of any type and shape.
   * @param outputs names of those wanted, of which it leaves out what the graph lacks; null: all that it has
   * @throws CodedError as `run`; ENGINE_INPUT_MISMATCH naming the input and what was wanted
   */
  infer(
    manifestSha256: string,
    inputs: readonly NamedTensor[],
    outputs: readonly string[] | null,
    options?: RunOptions,
  ): Promise<InferResult>;
  /** What the loaded graph takes and gives. @throws CodedError MODEL_NOT_ACTIVE */
  signature(manifestSha256: string): Promise<GraphSignature>;
  unload(manifestSha256: string): Promise<void>;
  /**
   * Loads a model where it disturbs nothing that works: what it does there harms nobody else.
   * @throws CodedError as `load`; ENGINE_CRASHED, ENGINE_TIMEOUT; SELF_TEST_IMPOSSIBLE when the device has no room for that now
   */
  trial(model: EngineModel): Promise<Trial>;
  stop(): Promise<void>;
  /** Starts since the agent began, less one; and the resident memory of the engine process in bytes. */
  status(): { restarts: number; rssBytes: number; alive: boolean };
}
