/** An open request of the engine, and how a successor is given the models that its predecessor had. */
import { join } from 'node:path';
import { agentError } from '../errors.ts';
import type { EngineModel, RunOptions } from './engine.ts';
import type { EngineAnswer, EngineRequest, LoadRequest } from './engine-messages.ts';
import { graphSpecOf } from './graph-spec.ts';

export interface Job {
  readonly request: EngineRequest;
  /** Times that an engine died while it worked on this. */
  strikes: number;
  /** What kills an engine once is not risked again. A kill from outside does not count. */
  readonly once?: boolean;
  /** In place of the engine's own. */
  readonly timeoutMs?: number | undefined;
  settle(answer: EngineAnswer): void;
  refuse(error: Error): void;
}

const FIRST_RELOAD_MS = 1000;
const MAX_RELOAD_MS = 60_000;

/**
 * Loads a model that ran before. When that fails, it is the machine that lacks something (memory, its disk) and may
 * have it again; a model that kills the engine is not tried again.
 * @param again submits the job anew, if it is still wanted
 * @param lost told each time
 */
export function reloadJob(
  request: EngineRequest,
  again: () => void,
  lost: (reason: string, forGood: boolean) => void,
): Job {
  let delayMs = FIRST_RELOAD_MS;
  let timer: NodeJS.Timeout | undefined;
  return {
    request,
    strikes: 0,
    settle(answer) {
      clearTimeout(timer);
      if (answer.kind !== 'failed') {
        delayMs = FIRST_RELOAD_MS;
        return;
      }
      timer = setTimeout(again, delayMs).unref();
      delayMs = Math.min(2 * delayMs, MAX_RELOAD_MS);
      lost(answer.message, false);
    },
    refuse: (error) => lost(error.message, true),
  };
}

/** A request as a job, and its answer. @throws CodedError (the answer) what the engine says, or why nobody answers */
export function asJob(
  request: EngineRequest,
  { timeoutMs, once = false }: RunOptions,
): { job: Job; answer: Promise<EngineAnswer> } {
  let job: Job | undefined;
  const answer = new Promise<EngineAnswer>((resolve, reject) => {
    job = {
      request,
      strikes: 0,
      once,
      timeoutMs,
      settle: (given) =>
        given.kind === 'failed' ? reject(agentError(given.code, given.message)) : resolve(given),
      refuse: reject,
    };
  });
  return { job: job as unknown as Job, answer };
}

export function loadRequest(id: number, { manifestSha256, folder, manifest }: EngineModel): LoadRequest {
  const file = manifest.model.file;
  return {
    id,
    kind: 'load',
    model: manifestSha256,
    path: join(folder, file),
    sha256: manifest.files[file]?.sha256 ?? '',
    spec: graphSpecOf(manifest),
  };
}

export function notLoaded(model: string): Error {
  return agentError('MODEL_NOT_ACTIVE', `model ${model.slice(0, 12)} is not loaded in the engine`);
}
