/** How an engine process died, whose fault that was, and whether what it worked on is asked again. Pure. */
import { type AgentErrorCode, agentError } from '../errors.ts';
import type { EngineEnd } from './engine-child.ts';
import type { Job } from './engine-job.ts';
import type { Hang } from './hang-watch.ts';

/** `model` is the one whose request it was working on; null when it was idle. */
export interface EngineDeath {
  readonly model: string | null;
  readonly cause: 'crash' | 'killed' | 'hang';
}

const MAX_STRIKES = 2;

/** @param hang why it was ended for answering nothing; a process that somebody stopped is not the model's fault */
export function causeOf(
  end: EngineEnd,
  hang: Hang | undefined,
): { cause: EngineDeath['cause']; code: AgentErrorCode } {
  if (hang === undefined) return { cause: end.cause, code: 'ENGINE_CRASHED' };
  return { cause: hang === 'stopped' ? 'killed' : 'hang', code: 'ENGINE_TIMEOUT' };
}

/** @param blamed has had its strike for this death @returns why it is not asked again; undefined when it is */
export function verdictOn(blamed: Job, end: EngineEnd, hang: Hang | undefined): Error | undefined {
  const { cause, code } = causeOf(end, hang);
  const isGivenUp = blamed.strikes >= MAX_STRIKES || (blamed.once === true && cause !== 'killed');
  if (!isGivenUp) return undefined;
  const words = hang ? 'it did not answer in time' : end.text;
  return agentError(code, `the engine died ${blamed.strikes} times of the same request: ${words}`);
}
