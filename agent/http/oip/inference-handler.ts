/** One request to infer, from its bytes to the bytes of its answer, and what it adds to the statistics. */
import type { Clock } from '../../clock.ts';
import type { Ask, Asked } from '../../pipeline/ask.ts';
import { isCacheable } from '../../pipeline/cached-engine.ts';
import { answerOf, askOf } from './ask-of.ts';
import { parseInferRequest } from './infer-request.ts';
import { buildInferResponse, type InferResponse } from './infer-response.ts';
import type { InferenceStatistics } from './inference-statistics.ts';
import type { ModelSpec } from './model-view.ts';

export interface InferenceDeps {
  /** As `Pipeline.ask`. */
  readonly ask: (slot: string, ask: Ask) => Promise<Asked>;
  readonly statistics: InferenceStatistics;
  readonly clock: Clock;
}

const NS_PER_US = 1000;

/**
 * @param cached the slot has a cache
 * @param headerBytes as for `parseInferRequest`
 * @throws CodedError REQUEST_INVALID, QUEUE_FULL, REQUEST_TIMEOUT, ENGINE_*
 */
export async function infer(
  { ask, statistics, clock }: InferenceDeps,
  { slot, cached }: { readonly slot: string; readonly cached: boolean },
  model: ModelSpec,
  body: Buffer,
  headerBytes: number | undefined,
): Promise<InferResponse> {
  const startedUs = clock.monotonicUs();
  try {
    const request = parseInferRequest(body, headerBytes, model.inputs);
    const question = askOf(slot, request, model);
    const askedUs = clock.monotonicUs();
    const asked = await ask(slot, question);
    const answeredUs = clock.monotonicUs();
    const response = buildInferResponse(request, answerOf(slot, asked, model));
    const doneUs = clock.monotonicUs();
    statistics.succeeded(
      slot,
      String(asked.version),
      {
        rows: question.rows,
        inputNs: (askedUs - startedUs) * NS_PER_US,
        queueNs: asked.queueUs * NS_PER_US,
        inferNs: (answeredUs - askedUs - asked.queueUs) * NS_PER_US,
        outputNs: (doneUs - answeredUs) * NS_PER_US,
        totalNs: (doneUs - startedUs) * NS_PER_US,
        cache: cached && isCacheable(question.data) ? lookupOf(asked) : null,
      },
      clock.wallMs(),
    );
    return response;
  } catch (error) {
    statistics.failed(slot, model.version, (clock.monotonicUs() - startedUs) * NS_PER_US);
    throw error;
  }
}

/** A batch of hits alone never reaches ONNX Runtime. */
function lookupOf({ computeUs }: Asked): 'hit' | 'miss' {
  return computeUs === 0 ? 'hit' : 'miss';
}
