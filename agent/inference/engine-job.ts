/** An open request of the engine, and how a successor is given the models that its predecessor had. */
import type { EngineAnswer, EngineRequest } from './engine-messages.ts';

export interface Job {
  readonly request: EngineRequest;
  /** Times that an engine died while it worked on this. */
  strikes: number;
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
