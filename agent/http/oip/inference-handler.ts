/** One request to infer, from what a client sent to what the model answered. */
import type { Clock } from '../../clock.ts';
import type { InferenceFigures } from '../../monitor/inference-figures.ts';
import type { Ask, Asked } from '../../pipeline/ask.ts';
import { answerOf, askOf } from './ask-of.ts';
import type { InferRequest } from './infer-request.ts';
import type { InferAnswer } from './infer-response.ts';
import type { ModelSpec } from './model-view.ts';

export interface InferenceDeps {
  /** As `Pipeline.ask`; it counts what it answers and what it refuses. */
  readonly ask: (slot: string, ask: Ask) => Promise<Asked>;
  readonly figures: Pick<InferenceFigures, 'failed'>;
  readonly clock: Clock;
}

/**
 * @param read the request, out of whatever form it came in
 * @throws CodedError REQUEST_INVALID, QUEUE_FULL, REQUEST_TIMEOUT, ENGINE_*
 */
export async function infer(
  { ask, figures, clock }: InferenceDeps,
  slot: string,
  model: ModelSpec,
  read: () => InferRequest,
): Promise<{ request: InferRequest; answer: InferAnswer }> {
  const startedUs = clock.monotonicUs();
  let request: InferRequest;
  let question: Ask;
  try {
    request = read();
    question = askOf(slot, request, model);
  } catch (error) {
    figures.failed(slot, model, [clock.monotonicUs() - startedUs]);
    throw error;
  }
  return { request, answer: answerOf(slot, await ask(slot, question), model) };
}
