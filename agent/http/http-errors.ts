/** How an error looks over HTTP: `{code, message, hint}` with the status that fits its code. */
import { CodedError } from '../../protocol/errors.ts';
import { agentError } from '../errors.ts';

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

const STATUS: Readonly<Record<string, number>> = {
  REQUEST_INVALID: 400,
  REQUEST_TOO_LARGE: 413,
  PIN_WRONG: 401,
  PIN_NOT_SET: 403,
  PIN_LOCKED: 429,
  SLOT_UNKNOWN: 404,
  PACKAGE_TOO_LARGE: 413,
  HOST_REFUSED: 403,
  ORIGIN_REFUSED: 403,
  NOT_FOUND: 404,
  PREDICTION_UNKNOWN: 404,
  MODEL_NOT_ACTIVE: 409,
  TOO_MANY_VIEWERS: 503,
  PAGE_NOT_BUILT: 503,
  STORE_BUSY: 409,
  STORE_FULL: 507,
};

/** Turns the framework's own errors into coded ones; anything else is a fault of ours. */
export function toCodedError(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const status =
    error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
      ? error.statusCode
      : 500;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 413) {
    return agentError('REQUEST_TOO_LARGE', 'the body is larger than this address takes', { cause: error });
  }
  if (status >= 400 && status < 500) return agentError('REQUEST_INVALID', message, { cause: error });
  return new CodedError('UNEXPECTED', 'the agent failed to answer', {
    hint: 'See the log of the agent.',
    cause: error,
  });
}

/** What someone sent can be refused for, with codes of the protocol. */
const OF_THE_REQUEST = /^(PACKAGE|PAYLOAD|TRUST|TARGET)_/;

export function statusOf(error: CodedError): number {
  return STATUS[error.code] ?? (OF_THE_REQUEST.test(error.code) ? 422 : 500);
}

export function bodyOf(error: CodedError): ErrorBody {
  return { code: error.code, message: error.message, hint: error.hint ?? null };
}
