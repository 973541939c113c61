/** How the engine process opens its sessions: what the agent tells it when it starts it. */
import { availableParallelism } from 'node:os';
import { GraphCache, type GraphSource, graphKey } from './graph-cache.ts';

export interface EngineOptions {
  /** 0: as many as the cores that this process may use. */
  readonly threads: number;
  /** `cpu`, or another that this build of ONNX Runtime has. */
  readonly executionProvider: string;
  /** For optimised graphs; none are kept without it. */
  readonly graphFolder?: string;
}

/** As `InferenceSession.create` takes them. */
export function sessionOptions({ threads, executionProvider }: EngineOptions, source?: GraphSource) {
  const intraOpNumThreads = threads || availableParallelism();
  return {
    executionProviders: [executionProvider],
    graphOptimizationLevel: source?.isOptimised ? ('disabled' as const) : ('all' as const),
    ...(source?.saveTo === undefined ? {} : { optimizedModelFilePath: source.saveTo }),
    // One operator after the other, each with all threads: a device's cores are few.
    executionMode: 'sequential' as const,
    interOpNumThreads: 1,
    intraOpNumThreads,
    // Each session has threads of its own. Idle ones must not spin on the cores of the session that works.
    ...(intraOpNumThreads > 1 ? { extra: { session: { intra_op: { allow_spinning: '0' } } } } : {}),
    logSeverityLevel: 3 as const,
  };
}

/** Other providers than the cpu's leave graphs that no session takes again. */
export function openGraphCache(options: EngineOptions, runtimeVersion: string): GraphCache | undefined {
  const { graphFolder, executionProvider } = options;
  if (graphFolder === undefined || executionProvider !== 'cpu') return undefined;
  // How many threads work on it changes nothing of a graph.
  const { intraOpNumThreads, extra, ...rest } = sessionOptions(options);
  return new GraphCache(graphFolder, graphKey(runtimeVersion, rest));
}
