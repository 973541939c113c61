/** How an engine process died, whose fault that was, and whether what it worked on is asked again. Pure. */
import { type AgentErrorCode, agentError } from '../errors.ts';
import type { EngineEnd } from './engine-child.ts';
import type { Job } from './engine-job.ts';

/** `model` is the one whose request it was working on; null when it was idle. */
export interface EngineDeath {
  readonly model: string | null;
  readonly cause: 'crash' | 'killed' | 'hang';
}

const MAX_STRIKES = 2;

export function causeOf(
  end: EngineEnd,
  hung: boolean,
): { cause: EngineDeath['cause']; code: AgentErrorCode } {
  return hung ? { cause: 'hang', code: 'ENGINE_TIMEOUT' } : { cause: end.cause, code: 'ENGINE_CRASHED' };
}

/** @param blamed has had its strike for this death @returns why it is not asked again; undefined when it is */
export function verdictOn(blamed: Job, end: EngineEnd, hung: boolean): Error | undefined {
  const { cause, code } = causeOf(end, hung);
  const isGivenUp = blamed.strikes >= MAX_STRIKES || (blamed.once === true && cause !== 'killed');
  if (!isGivenUp) return undefined;
  const words = hung ? 'it did not answer in time' : end.text;
  return agentError(code, `the engine died ${blamed.strikes} times of the same request: ${words}`);
}
