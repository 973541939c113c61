/** Brings one wanted model to where it may work: fetch, verify, stage, load beside, golden samples; patient with the network. */
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf } from '../../protocol/errors.ts';
import type { ModelRef } from '../../protocol/messages.ts';
import { agentError } from '../errors.ts';
import type { ModelLibrary, TestLimits } from './model-library.ts';
import type { SelfTest, StepState } from './slot-state.ts';

/** Fetches a package's files; waits or throws while offline. The caller verifies what comes. */
export type FetchPackage = (
  ref: ModelRef,
  onProgress: (chunksHave: number, chunksWant: number, waitsFor: string | null) => void,
  signal: AbortSignal,
) => Promise<Map<string, Buffer>>;

/**
 * Whether the signed metadata let this model be installed now; waits for newer ones that are on their way.
 * @throws CodedError TARGET_UNKNOWN, TARGET_MISMATCH, TRUST_*
 */
export type ApproveModel = (ref: ModelRef, signal: AbortSignal) => Promise<void>;

export interface InstallationDeps {
  readonly library: ModelLibrary;
  readonly approve: ApproveModel;
  readonly fetchPackage: FetchPackage;
  /** First wait after a failure that may pass; doubles up to a minute. */
  readonly retryMs: number;
  readonly limits: TestLimits;
  /** Called before each step. */
  readonly onStep: (to: StepState) => void;
  readonly onMeasured: (figures: SelfTest) => void;
  readonly onProgress: (chunksHave: number, chunksWant: number, waitsFor: string | null) => void;
  /** A failure that will be tried again. */
  readonly onRetry: (error: unknown) => void;
}

const MAX_RETRY_MS = 60_000;
/** The kernel ends what takes too much memory: so often, and it is the model that does. */
const MAX_IMPOSSIBLE_TESTS = 5;
const OF_THE_PACKAGE = /^(TARGET|TRUST|PACKAGE|PAYLOAD|ENGINE|GOLDEN|MODEL)_/;

/** Whether trying again would give the same; a network or a disk may get better. */
export function isForGood(error: unknown): boolean {
  return OF_THE_PACKAGE.test(codeOf(error));
}

/**
 * Resolves when the model is loaded in the engine, has passed its golden samples and is within the slot's budget.
 * @throws CodedError TARGET_*, TRUST_*, PACKAGE_*, PAYLOAD_*, ENGINE_*, GOLDEN_SAMPLES_FAILED, MODEL_*: it must not run here;
 * anything once `signal` is aborted
 */
export async function installModel(
  ref: ModelRef,
  deps: InstallationDeps,
  signal: AbortSignal,
): Promise<void> {
  let impossibleTests = 0;
  for (let delayMs = deps.retryMs; ; delayMs = Math.min(delayMs * 2, MAX_RETRY_MS)) {
    try {
      return await attempt(ref, deps, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isForGood(error)) throw error;
      if (codeOf(error) === 'SELF_TEST_IMPOSSIBLE') impossibleTests += 1;
      if (impossibleTests >= MAX_IMPOSSIBLE_TESTS) {
        const words = `its test was ended ${impossibleTests} times from outside, as for lack of memory`;
        throw agentError('MODEL_ENDS_ENGINE', words, { cause: error });
      }
      deps.onRetry(error);
      await pause(delayMs, undefined, { signal, ref: false });
    }
  }
}

async function attempt(ref: ModelRef, deps: InstallationDeps, signal: AbortSignal): Promise<void> {
  const { library, approve, fetchPackage, limits, onStep, onMeasured, onProgress } = deps;
  const model = ref.manifestSha256;
  onStep('verifying');
  await approve(ref, signal);
  const isHere = await library.has(model);
  signal.throwIfAborted();
  if (!isHere) {
    onStep('fetching');
    const files = await fetchPackage(ref, onProgress, signal);
    signal.throwIfAborted();
    onStep('verifying');
    library.verify(model, files);
    await library.stage(model, files);
    signal.throwIfAborted();
  }
  onStep('staged');
  onStep('testing');
  const figures = await library.test(model, limits);
  signal.throwIfAborted();
  onMeasured(figures);
}
