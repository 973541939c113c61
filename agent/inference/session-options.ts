/** How the engine process opens its sessions: what the agent tells it when it starts it. */
import { availableParallelism } from 'node:os';

export interface EngineOptions {
  /** 0: as many as the cores that this process may use. */
  readonly threads: number;
  /** `cpu`, or another that this build of ONNX Runtime has. */
  readonly executionProvider: string;
}

/** As `InferenceSession.create` takes them. */
export function sessionOptions({ threads, executionProvider }: EngineOptions) {
  const intraOpNumThreads = threads || availableParallelism();
  return {
    executionProviders: [executionProvider],
    graphOptimizationLevel: 'all' as const,
    // One operator after the other, each with all threads: a device's cores are few.
    executionMode: 'sequential' as const,
    interOpNumThreads: 1,
    intraOpNumThreads,
    // Each session has threads of its own. Idle ones must not spin on the cores of the session that works.
    ...(intraOpNumThreads > 1 ? { extra: { session: { intra_op: { allow_spinning: '0' } } } } : {}),
    logSeverityLevel: 3 as const,
  };
}
