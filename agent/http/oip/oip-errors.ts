/** How an error looks to a client of the Open Inference Protocol: `{"error": words}` with the status that Triton gives. */
import type { CodedError } from '../../../protocol/errors.ts';
import { statusOf } from '../http-errors.ts';

/** Triton's: NOT_FOUND 404, UNAVAILABLE 503, INTERNAL 500; whatever is wrong with a request 400. */
const STATUS: Readonly<Record<string, number>> = {
  MODEL_UNKNOWN: 404,
  MODEL_NOT_ACTIVE: 503,
  MODEL_CONTROL_REFUSED: 503,
  QUEUE_FULL: 503,
  REQUEST_TIMEOUT: 503,
  SAMPLE_DROPPED: 503,
  SAMPLE_INVALID: 400,
  IMAGE_UNREADABLE: 400,
  ENGINE_INPUT_MISMATCH: 400,
  METHOD_NOT_ALLOWED: 405,
};

export function oipStatusOf(error: CodedError): number {
  return STATUS[error.code] ?? statusOf(error);
}

export function oipBodyOf(error: CodedError): { error: string } {
  return { error: error.message };
}
