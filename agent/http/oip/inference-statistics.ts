/** The statistics extension, from the figures that /metrics shows too: of all that a slot's models did, over HTTP or not. Pure. */
import type { Duration, ModelFigures } from '../../monitor/inference-figures.ts';

const NONE: Duration = { count: 0, ns: 0 };

/** In the words of the protocol. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<string, Duration>>;
  readonly response_stats: object;
  readonly batch_stats: readonly never[];
  readonly memory_usage: readonly never[];
}

/**
 * Every field is there and a whole number: clients read them unchecked.
 * @param figures of this version; undefined: it has done nothing yet, or is forgotten
 */
export function statisticsView(
  slot: string,
  version: string,
  figures: ModelFigures | undefined,
): ModelStatistics {
  return {
    name: slot,
    version,
    last_inference: figures?.lastInferenceMs ?? 0,
    inference_count: figures?.inferenceCount ?? 0,
    execution_count: figures?.executionCount ?? 0,
    inference_stats: {
      success: figures?.success ?? NONE,
      fail: figures?.fail ?? NONE,
      queue: figures?.queue ?? NONE,
      compute_input: figures?.computeInput ?? NONE,
      compute_infer: figures?.computeInfer ?? NONE,
      compute_output: figures?.computeOutput ?? NONE,
      cache_hit: figures?.cacheHit ?? NONE,
      cache_miss: figures?.cacheMiss ?? NONE,
    },
    response_stats: {},
    batch_stats: [],
    memory_usage: [],
  };
}
