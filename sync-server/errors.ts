/** Every coded error of the sync-server. */
import { CodedError } from '../protocol/errors.ts';

export type ServerErrorCode =
  | 'CONFIG_UNREADABLE'
  | 'CONFIG_INVALID'
  | 'PORT_TAKEN'
  | 'STORE_LOCKED'
  | 'STORE_UNWRITABLE'
  | 'STORE_CORRUPT'
  | 'CHUNK_UNKNOWN'
  | 'MODEL_UNKNOWN'
  | 'MODEL_VERSION_TAKEN'
  | 'ALIAS_UNKNOWN'
  | 'SLOT_UNKNOWN'
  | 'ROLLOUT_UNKNOWN'
  | 'ROLLOUT_CONFLICT'
  | 'ROLLOUT_NO_DEVICES'
  | 'REQUEST_INVALID'
  | 'LOGIN_NEEDED'
  | 'TOKEN_WRONG'
  | 'TOO_MANY_FAILURES'
  | 'ROLE_TOO_LOW'
  | 'TOKEN_NAME_INVALID'
  | 'TOKEN_NAME_TAKEN'
  | 'TOKEN_UNKNOWN'
  | 'ENROLMENT_REFUSED'
  | 'MLFLOW_UNREACHABLE'
  | 'MLFLOW_LOGIN_REFUSED'
  | 'DEAD_LETTER_UNKNOWN'
  | 'MLFLOW_NOT_FOUND'
  | 'MLFLOW_REFUSED'
  | 'MLFLOW_ANSWER_INVALID'
  | 'MLFLOW_ARTIFACTS_ELSEWHERE'
  | 'MLFLOW_URI_INVALID'
  | 'MLFLOW_LOGIN_UNREADABLE'
  | 'TOPIC_MISMATCH'
  | 'BATCH_GAP';

export function serverError(
  code: ServerErrorCode,
  message: string,
  options: { hint?: string; cause?: unknown } = {},
): CodedError<ServerErrorCode> {
  return new CodedError(code, message, options);
}
